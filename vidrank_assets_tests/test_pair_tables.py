import pytest

from vidrank_assets.pair_tables import RANKING_TARGETS, SUB_SCORES, THUMBNAIL_SCORES, TRAINING_PAIRS, VIDEO_ANALYTICS


@pytest.mark.parametrize("table", [THUMBNAIL_SCORES, RANKING_TARGETS], ids=lambda table: table.name)
def test_the_six_sub_scores_stand_in_one_order_everywhere(table):
    assert tuple(name for name in table.schema.names() if name in SUB_SCORES) == SUB_SCORES


def test_pairs_have_the_columns_that_other_tools_read_and_say_what_judged_them():
    told = ["channel_id", "winner", "margin", "days_apart", "split"]
    assert TRAINING_PAIRS.schema.names() == ["video_id_a", "video_id_b", *told, "judged_by"]


def test_analytics_have_the_columns_of_the_file_they_are_imported_from():
    assert VIDEO_ANALYTICS.schema.names() == ["video_id", "impressions", "ctr"]
