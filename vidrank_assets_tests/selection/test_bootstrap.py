import numpy as np
import polars as pl
import pytest

from vidrank_assets.errors import InvalidInput, NoRows
from vidrank_assets.selection.bootstrap import READS, bootstrapped, resampled
from vidrank_assets.selection.metrics import METRICS


def interval(metric, rows, **drawn):
    return bootstrapped(metric, rows, **drawn).interval


def improvement(metric, rows, over, **drawn):
    """By how much the predictions of some rows are better than others, as a leaderboard has it."""
    return bootstrapped(metric, rows, **drawn).over(bootstrapped(metric, over, **drawn))


def videos(n_channels=15, n_videos=120, seed=0, error=0.5):
    rng = np.random.default_rng(seed)
    channel = rng.integers(0, n_channels, n_videos)
    y_true = 8 + np.linspace(-1, 1, n_channels)[channel] + rng.normal(0, 1, n_videos)
    y_pred = y_true + rng.normal(0, error, n_videos)
    return pl.DataFrame(
        {
            "video_id": [f"v{i}" for i in range(n_videos)],
            "channel_id": [f"c{c}" for c in channel],
            "y_true": y_true,
            "y_pred": y_pred,
        }
    )


def pairs(seed=0):
    rng = np.random.default_rng(seed)
    columns = dict(zip(READS["pairs"], rng.integers(0, 4, (4, 90)).astype(float), strict=True))
    ids = {f"video_id_{side}": [f"{side}{i}" for i in range(90)] for side in "ab"}
    return pl.DataFrame({**ids, "channel_id": [f"c{c}" for c in rng.integers(0, 12, 90)], **columns})


def rows_of(metric):
    return videos() if metric.of == "videos" else pairs()


@pytest.mark.parametrize("name", METRICS)
def test_resamples_are_those_of_a_plain_loop_over_drawn_channels(name):
    metric = METRICS[name]
    rows = rows_of(metric)
    channels = rows["channel_id"].unique().sort().to_list()
    draws = np.random.default_rng(7).multinomial(len(channels), [1 / len(channels)] * len(channels), size=40)
    expected = []
    for counts in draws:
        drawn = [rows.filter(channel_id=c) for c, times in zip(channels, counts, strict=True) for _ in range(times)]
        expected.append(metric.value(*(pl.concat(drawn)[column].to_numpy() for column in READS[metric.of])))
    np.testing.assert_allclose(resampled(metric, rows, resamples=40, seed=7), expected, rtol=1e-9)


def test_the_interval_holds_the_middle_95_percent_of_the_resamples():
    metric, rows = METRICS["rmse_log"], videos()
    found = interval(metric, rows, resamples=1000, seed=3)
    values = resampled(metric, rows, resamples=1000, seed=3)
    assert found.value == metric.value(rows["y_true"].to_numpy(), rows["y_pred"].to_numpy())
    assert (values < found.low).mean() == pytest.approx(0.025, abs=0.002)
    assert (values > found.high).mean() == pytest.approx(0.025, abs=0.002)
    assert found.low < found.value < found.high


def test_channels_are_drawn_not_videos():
    """Copies of a video, in its channel, leave the interval as it is; drawn one by one they would shrink it."""
    once = videos()
    copies = pl.concat([once] * 10)
    assert interval(METRICS["rmse_log"], copies) == pytest.approx(interval(METRICS["rmse_log"], once))


def test_the_interval_of_the_mean_covers_the_truth_as_often_as_it_says():
    covered = []
    channels = np.repeat([f"c{i:02d}" for i in range(40)], 5)
    for seed in range(200):
        rng = np.random.default_rng(seed)
        error = np.repeat(np.abs(rng.normal(1, 0.2, 40)), 5)  # one error per channel, five videos each
        rows = pl.DataFrame({"video_id": channels, "channel_id": channels, "y_true": np.zeros(200), "y_pred": error})
        found = interval(METRICS["mae_log"], rows, resamples=400, seed=seed)
        covered.append(found.low <= 1 <= found.high)
    assert 0.88 <= np.mean(covered) <= 0.99


@pytest.mark.parametrize("name", ["rmse_log", "r2_log", "spearman"])
def test_an_improvement_is_positive_when_better_whatever_the_direction(name):
    worse = videos(error=1.5)
    better = worse.with_columns(y_pred=(pl.col("y_true") + pl.col("y_pred")) / 2)
    gain = improvement(METRICS[name], better, worse, resamples=200)
    assert 0 < gain.low < gain.value < gain.high
    loss = improvement(METRICS[name], worse, better, resamples=200)
    assert loss.value == pytest.approx(-gain.value)


def test_the_difference_is_taken_on_equal_resamples():
    """A model that is better by the same in every channel has a narrow difference, however wide its own interval."""
    worse = videos(error=1)
    better = worse.with_columns(y_pred=pl.col("y_true") + 0.9 * (pl.col("y_pred") - pl.col("y_true")))
    gain, own = improvement(METRICS["rmse_log"], better, worse), interval(METRICS["rmse_log"], better)
    assert gain.high - gain.low == pytest.approx((own.high - own.low) / 9, rel=1e-6)


def test_a_model_over_itself_is_zero():
    assert improvement(METRICS["rmse_log"], videos(), videos()) == (0, 0, 0)


def test_the_seed_alone_decides_the_interval():
    first, same, other = (interval(METRICS["rmse_log"], videos(), seed=seed) for seed in (1, 1, 2))
    assert first == same != other


def test_the_order_of_the_rows_is_of_no_matter():
    turned = interval(METRICS["rmse_log"], videos().reverse())
    assert turned == pytest.approx(interval(METRICS["rmse_log"], videos()))


def test_one_channel_has_a_value_but_no_interval():
    found = interval(METRICS["rmse_log"], videos(n_channels=1))
    assert found.value > 0 and np.isnan(found.low) and np.isnan(found.high)


def test_predictions_for_other_videos_are_not_compared():
    with pytest.raises(InvalidInput, match="in the same order; got 119 and 120"):
        improvement(METRICS["rmse_log"], videos()[1:], videos())


def test_predictions_for_other_labels_of_the_same_videos_are_not_compared():
    relabelled = videos().with_columns(y_true=pl.col("y_true") + 1)
    with pytest.raises(InvalidInput, match="with the same targets"):
        improvement(METRICS["rmse_log"], videos(), relabelled)


def test_no_rows_are_refused():
    with pytest.raises(NoRows, match="rmse_log must have videos"):
        resampled(METRICS["rmse_log"], videos()[:0], resamples=10, seed=0)
