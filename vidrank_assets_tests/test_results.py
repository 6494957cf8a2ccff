from vidrank_assets.results import COMPARISON, LEADERBOARD, MODALITY_ABLATION, SLICE_METRICS
from vidrank_assets.selection.metrics import METRICS


def test_a_leaderboard_has_every_metric_for_val_and_test():
    assert {f"{part}_{name}" for part in ("val", "test") for name in METRICS} <= set(LEADERBOARD.schema)


def test_a_leaderboard_shows_how_sure_its_ranks_and_improvements_are():
    ends = {
        f"{part}_{what}_{end}"
        for part in ("val", "test")
        for what in ("rank", "improvement", "over_above")
        for end in ("low", "high")
    }
    assert ends <= set(LEADERBOARD.schema)


def test_every_row_says_where_its_captures_came_from():
    assert not any(
        column.nullable
        for table in (LEADERBOARD, SLICE_METRICS, COMPARISON, MODALITY_ABLATION)
        for column in table.columns
        if column.name == "data_source"
    )


def test_a_comparison_has_every_column_of_a_leaderboard():
    assert set(LEADERBOARD.schema) < set(COMPARISON.schema)


def test_what_is_compared_says_on_which_test_videos():
    for table in (LEADERBOARD, COMPARISON, MODALITY_ABLATION):
        assert not next(column for column in table.columns if column.name == "scored_videos").nullable
