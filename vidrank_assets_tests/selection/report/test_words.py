import polars as pl
import pytest

from vidrank_assets.selection.report.words import direction, is_synthetic, pairs_in_words, question, standing, verdict

BEST = {
    "model": "lightgbm",
    "is_baseline": False,
    "rank_metric": "rmse_log",
    "best_baseline": "channel_mean",
    "val_rmse_log": 0.8,
    "test_rmse_log": 0.81,
    "test_rank_low": 0.77,
    "test_rank_high": 0.86,
    "test_improvement": 0.09,
    "test_improvement_low": 0.03,
    "test_improvement_high": 0.15,
    "test_over_above": None,
    "test_over_above_low": None,
    "test_over_above_high": None,
}


def board(*, second=None, **best):
    rows = [BEST | best] + ([BEST | second] if second else [])
    types = {name: pl.Float64 for name in BEST if name.startswith(("val", "test"))}
    return pl.DataFrame(rows, schema_overrides=types | {"best_baseline": pl.String})


def said(**given):
    found = verdict(board(**given))
    return found.standing, found.headline, " ".join(found.sentences)


def test_an_interval_above_zero_beats_the_baseline_and_the_figures_are_said():
    against, headline, sentences = said()
    assert against == "better" and headline == "lightgbm beats the best baseline"
    assert "on test, which chose nothing, it scores 0.810 [0.770, 0.860], about a factor of 2.2 in views" in sentences
    assert "over channel_mean, the best baseline, is +0.090 [+0.030, +0.150]; the interval is above zero" in sentences


def test_an_interval_that_covers_zero_is_said_plainly_not_to_beat_the_baseline():
    against, headline, sentences = said(test_improvement_low=-0.03)
    assert against == "unproven" and "does not beat the baseline" in headline
    assert "covers zero" in sentences and "it is not shown to beat the baseline" in sentences


def test_an_interval_below_zero_says_to_use_the_baseline():
    against, headline, sentences = said(test_improvement=-0.1, test_improvement_low=-0.2, test_improvement_high=-0.01)
    assert against == "worse" and "worse than the baseline" in headline
    assert "use the baseline" in sentences


def test_a_baseline_that_is_first_is_the_one_to_use():
    against, headline, sentences = said(model="channel_mean", is_baseline=True, test_improvement_low=0.0)
    assert against == "baseline" and headline == "No family beats the baseline channel_mean"
    assert "Use the baseline" in sentences


@pytest.mark.parametrize("end", [None, float("nan")])
def test_without_an_interval_nothing_is_claimed(end):
    against, headline, sentences = said(test_improvement_low=end)
    assert against == "unknown" and "cannot be told" in headline
    assert "no interval: the test videos are of fewer than two channels" in sentences


def test_without_a_baseline_it_is_said_that_there_is_none():
    nothing = {name: None for name in ("test_improvement", "test_improvement_low", "test_improvement_high")}
    against, _, sentences = said(best_baseline=None, **nothing)
    assert against == "unknown" and "no baseline among the families" in sentences


@pytest.mark.parametrize(
    "low, high, words",
    [(-0.1, 0.1, "is not told apart from it on test"), (0.01, 0.1, "is better than it"), (-0.2, -0.1, "is behind it")],
)
def test_the_second_family_is_told_apart_only_where_the_interval_leaves_zero_out(low, high, words):
    second = {"model": "ridge", "test_over_above": 0.0, "test_over_above_low": low, "test_over_above_high": high}
    assert f"ridge, which is second, {words}" in said(second=second)[2]


def test_a_rank_metric_that_is_no_error_in_log_views_is_no_factor():
    renamed = board().rename({"val_rmse_log": "val_spearman", "test_rmse_log": "test_spearman"})
    sentences = verdict(renamed.with_columns(rank_metric=pl.lit("spearman"))).sentences
    assert "factor" not in " ".join(sentences)


def test_standing_is_by_the_interval_and_not_by_the_value():
    assert standing(BEST | {"test_improvement": 5.0, "test_improvement_low": -0.001}) == "unproven"


@pytest.mark.parametrize(
    "source, synthetic", [("sample", True), ("archive, sample", True), ("archive", False), ("sampled_by_others", False)]
)
def test_what_holds_videos_of_the_sample_world_is_synthetic(source, synthetic):
    assert is_synthetic(source) is synthetic


def test_the_question_says_the_horizon_and_what_is_known():
    asked = question({"horizon_days": 7, "information_set": "snapshot1"})
    assert asked == "How many views a video has 7 days after publication, from what is known at its first capture"


def test_no_pairs_are_no_share():
    assert pairs_in_words({"n_test_pairs": 0, "test_pairwise_auc": None}) == ("–", "there are no pairs of test videos")
    assert pairs_in_words({"n_test_pairs": 1200, "test_pairwise_auc": 0.71})[0] == "71 %"


def test_a_metric_says_its_direction():
    assert direction("rmse_log") == "lower is better" and direction("spearman") == "higher is better"
