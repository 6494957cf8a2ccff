import re
from dataclasses import replace
from html.parser import HTMLParser
from io import BytesIO

import numpy as np
import polars as pl
import pytest
from PIL import Image

from vidrank_assets.models.base import Findings
from vidrank_assets.selection.evaluation import Trial
from vidrank_assets.selection.occlusion import Occlusion
from vidrank_assets.selection.pair_examples import surest
from vidrank_assets.selection.pair_probability import fitted
from vidrank_assets.selection.report.pair_page import RankerFindings, SeenVideo, pair_page
from vidrank_assets.selection.task import Cell

N = 600
HOSTILE = "</script><script>document.title='RAN'</script><img src=x onerror=alert(1)>"


class Ranker:
    """What the page asks of a trial's model: its name."""

    name = "pairwise_ranker"


def planted(*, seed, slope=1.5, n=N):
    """Pairs of distinct videos of 30 channels, whose first wins with the logistic probability of its score."""
    rng = np.random.default_rng(seed)
    score = rng.normal(0, 1, n)
    won = rng.random(n) < 1 / (1 + np.exp(-slope * score))
    apart = rng.exponential(1, n)
    return pl.DataFrame(
        {
            "video_id_a": [f"a{seed}{i:04d}" for i in range(n)],
            "video_id_b": [f"b{seed}{i:04d}" for i in range(n)],
            "channel_id": [f"c{i % 30}" for i in range(n)],
            "split": ["test"] * n,
            "target_a": 9 + apart * won,
            "target_b": 9 + apart * ~won,
            "score_a": score,
            "score_b": np.zeros(n),
            "days_apart": rng.uniform(0, 30, n),
            "judged_by": ["views"] * n,
        }
    )


def thumbnail(seed):
    packed = BytesIO()
    picture = Image.new("RGB", (480, 360), tuple(int(v) for v in np.random.default_rng(seed).integers(60, 255, 3)))
    picture.paste((255, 255, 255), (40, 60, 200, 200))
    picture.save(packed, "JPEG")
    return packed.getvalue()


def findings(*, slope=1.5, data_source="sample"):
    probability, pairs = fitted(planted(seed=0), resamples=100), planted(seed=1, slope=slope)
    examples = surest(probability, pairs)
    shown = pl.concat([examples.right, examples.wrong])
    rng = np.random.default_rng(3)
    seen = {
        video: SeenVideo(HOSTILE, thumbnail(i), Occlusion(rng.normal(0, 0.1, (6, 10)), 1.0))
        for i, video in enumerate(sorted({*shown["video_id_a"], *shown["video_id_b"]}))
    }
    measured = rng.uniform(0, 1, 200)
    heads = [
        pl.DataFrame(
            {
                "head": name,
                "video_id": [f"v{i}" for i in range(200)],
                "y_true": measured,
                "y_pred": np.clip(measured + noise * rng.normal(size=200), 0, 1),
            }
        )
        for name, noise in (("ctr", 0.3), ("clarity", 0.05), ("contrast", 0.1), ("hierarchy", 1.0))
    ]
    trial = Trial(
        cell=Cell("concat", 7, data_source=data_source),
        model=Ranker(),
        predictions=pl.DataFrame(),
        pair_predictions=pairs.drop("days_apart", "judged_by"),
        modality_weights=pl.DataFrame(),
        findings=Findings(),
        n_train=100,
        fit_seconds=1.0,
        predict_ms_per_1k=1.0,
    )
    return RankerFindings(trial, probability, pairs, pl.concat(heads), {"proxy": 200}, examples, seen)


def page_of(found):
    return pair_page(found, charts=found.charts(), config={"families": {"pairwise_ranker": {"seed": 42}}}, run_id="r1")


@pytest.fixture(scope="module")
def found():
    return findings()


@pytest.fixture(scope="module")
def page(found):
    return page_of(found)


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.elements = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))


def test_the_page_runs_nothing_and_asks_for_nothing_but_the_pictures_within_it(page):
    parsed = Page(page)
    tags = {tag for tag, _ in parsed.elements}
    assert not tags & {"script", "iframe", "object", "embed", "link", "base", "form"}
    for tag, attrs in parsed.elements:
        assert not [name for name in attrs if name.startswith("on")], (tag, attrs)
    images = [attrs for tag, attrs in parsed.elements if tag == "img"]
    assert len(images) == 40 and all(each["src"].startswith("data:image/jpeg;base64,") for each in images)
    assert all(each["alt"] for each in images)
    policy = next(attrs["content"] for tag, attrs in parsed.elements if "http-equiv" in attrs)
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'") and policy.endswith("; img-src data:")
    assert not re.search(r"url\((?!#)", page)


def test_hostile_titles_are_text(page):
    assert "&lt;/script&gt;&lt;script&gt;document.title=&#39;RAN&#39;" in page


def test_synthetic_data_are_called_synthetic(page):
    assert "SYNTHETIC sample world" in page
    assert "SYNTHETIC" not in page_of(findings(data_source="youtube_api"))


def test_the_figures_are_those_of_the_test_pairs(found, page):
    auc, held = found.auc(), found.held()
    assert 0.5 < auc.low < auc.value < auc.high < 1
    assert f"{auc.value:.0%}".replace("%", " %") + " of test pairs are put in the right order" in page
    assert f"{held.brier:.3f}" in page and held.brier < held.coin_brier
    assert f"by {100 * held.coin_calibration_error:.1f} points" in page
    assert "Gap filter: none" in page and "equal scores count half" in page


def test_who_won_is_said_to_be_by_views_where_training_went_by_clicks(found, page):
    clicked = pl.when(pl.int_range(pl.len()) < 12).then(pl.lit("ctr")).otherwise("judged_by")
    assert "click-through rates" not in page
    page = page_of(replace(found, pairs=found.pairs.with_columns(judged_by=clicked)))
    assert "Of 12 of them measured click-through rates are known" in page and "Here views do" in page


def test_tables_that_changed_since_the_training_are_named(found, page):
    assert "Since the ranker was trained" not in page
    page = page_of(replace(found, changed=["ranking_targets", "training_pairs"]))
    assert "Since the ranker was trained ranking_targets and training_pairs changed: scores" in page


def test_a_ranker_of_chance_and_one_that_is_wrong_are_called_so():
    assert "is not told from chance" in page_of(findings(slope=0))
    assert "Test pairs are put in wrong order" in page_of(findings(slope=-1.5))


def test_ten_pairs_are_shown_the_winner_first(found, page):
    assert page.count('class="pair"') == 10
    assert page.count("Surest and right") == page.count("Surest and wrong") == 1
    first = found.examples.right.row(0, named=True)
    winner, loser = ("a", "b") if first["target_a"] > first["target_b"] else ("b", "a")
    assert page.index(f"Thumbnail of {first[f'video_id_{winner}']}") < page.index(
        f"Thumbnail of {first[f'video_id_{loser}']}"
    )


def test_heads_are_compared_with_what_was_measured(found):
    said = found.correlations()
    assert list(said) == ["ctr", "clarity", "contrast", "hierarchy"]
    assert said["clarity"] > said["contrast"] > said["hierarchy"]


def test_what_there_is_nothing_to_show_of_is_left_out(found):
    bare = replace(found, heads=found.heads.clear(), examples=surest(found.probability, found.pairs.clear()), seen={})
    page = page_of(bare)
    assert "What the heads have learned" not in page and "score hang on" not in page
    assert "<img" not in page


def test_equal_findings_make_equal_pages(found, page):
    assert page_of(found) == page
