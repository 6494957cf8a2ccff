from vidrank_assets.capture.remembered import THUMBNAIL_CHECKS, VIDEO_CATALOGUE
from vidrank_assets.tables import SNAPSHOTS


def test_the_catalogue_holds_what_a_snapshot_says_of_a_video_and_none_of_its_counters():
    described = {name for name in SNAPSHOTS.schema.names() if not name.endswith("_count")}
    assert described <= set(VIDEO_CATALOGUE.schema.names())
    assert not {"view_count", "like_count", "comment_count"} & set(VIDEO_CATALOGUE.schema.names())


def test_of_each_video_the_last_word_of_the_host_is_remembered():
    assert VIDEO_CATALOGUE.key == THUMBNAIL_CHECKS.key == ("video_id",)
