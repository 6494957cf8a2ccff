import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
import pytest

from vidrank_assets.models.base import Findings, Step
from vidrank_assets.selection.evaluation import trial
from vidrank_assets.selection.leaderboard import Ranking, leaderboard, slice_metrics
from vidrank_assets.selection.report.figures import figures
from vidrank_assets.selection.report.page import report_page

FAMILIES = ["train_mean", "channel_mean", "ridge"]
CONFIG = {"families": {"ridge": {"seed": 42, "parameters": {"alphas": [0.1, 1.0]}}}, "packages": {"polars": "2.1.0"}}
DATA = {
    "rows": {"train": 80, "val": 20, "test": 20},
    "label_counts": {"observed": 100, "interpolated": 10, "missing": {"too_far": 10}},
    "missing_share": {"duration_sec": 0.5},
    "target": {"train": {"mean": 9.0, "std": 1.0, "min": 5.0, "median": 9.0, "max": 12.0}},
}
#: Titles as an enemy would write them; each would change the page's title if it ran or closed an element.
TITLES = [
    "</script><script>document.title='RAN'</script>",
    "</style></title><img src=x onerror=\"document.title='RAN'\">",
    "\"'><svg onload=document.title='RAN'>",
    "' onmouseover='document.title=\"RAN\"' x='",
    "{{ 7 * 7 }} {% raw %} ${7*7} <!-- -->",
    "]]> <![CDATA[ &lt; &amp;amp; \x00\x08\x1b[31m",
    "\u202eright to left שלום العربية \u202a\u2066",
    "👩‍👩‍👧‍👦🎬" * 40,
    "very long " * 2000,
    "",
]


class Page(HTMLParser):
    """The elements of a page with their attributes, and the elements that were left open."""

    EMPTY = frozenset({"meta", "input", "br", "path", "line", "rect", "circle"})

    def __init__(self, page):
        super().__init__()
        self.elements, self.open, self.unmatched = [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag in self.EMPTY:
            return
        if not self.open or self.open.pop() != tag:
            self.unmatched.append(tag)

    def every(self, tag):
        return [attrs for each, attrs in self.elements if each == tag]


@pytest.fixture(scope="module")
def trials(small_task):
    """Families of the sample world, of which one has everything that a page can show; titles are hostile."""
    plain = [trial(small_task, family) for family in FAMILIES]
    n = plain[0].predictions.height
    titles = pl.Series([TITLES[i % len(TITLES)] for i in range(n)])
    shown = [
        replace(
            each,
            cell=replace(each.cell, data_source="sample"),
            predictions=each.predictions.with_columns(title=titles, channel_subscribers=pl.lit(5000, pl.Int64)),
        )
        for each in plain
    ]
    gates = shown[2].predictions.select("video_id", "split", image=pl.lit(0.7), text=pl.lit(0.3))
    findings = Findings({"alpha": 1.0}, [Step(i, 1 / i, 1.2 / i) for i in range(1, 9)], {"title_length": 2.0})
    return [*shown[:2], replace(shown[2], modality_weights=gates, findings=findings)]


def page_of(trials, *, metric="rmse_log", data=DATA, config=CONFIG, run_id="r1"):
    names = [each.name for each in trials]
    board = leaderboard(trials, names, run_id=run_id, ranking=Ranking(metric, resamples=50))
    slices = slice_metrics(trials, run_id=run_id)
    charts = figures(trials, board, slices, data=data)
    return report_page(trials, board, slices, charts=charts, data=data, config=config)


@pytest.fixture(scope="module")
def page(trials):
    return page_of(trials)


def test_the_page_is_whole_runs_nothing_and_asks_for_nothing(page):
    parsed = Page(page)
    assert not parsed.open and not parsed.unmatched
    tags = {tag for tag, _ in parsed.elements}
    assert not tags & {"script", "img", "iframe", "object", "embed", "link", "base", "form", "video", "audio"}
    for tag, attrs in parsed.elements:
        assert not [name for name in attrs if name.startswith("on")], (tag, attrs)
        for name in ("src", "href", "xlink:href", "action", "data"):
            assert (attrs.get(name) or "#").startswith("#"), (tag, attrs)
    assert "@import" not in page and not re.search(r"url\((?!#)", page)
    policy = next(attrs["content"] for attrs in parsed.every("meta") if "http-equiv" in attrs)
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'") and "script-src" not in policy


def test_hostile_titles_are_text_on_one_line_each_kept_apart_from_its_surroundings(page):
    assert "&lt;/script&gt;&lt;script&gt;document.title=&#39;RAN&#39;&lt;/script&gt;" in page
    assert "{{ 7 * 7 }}" in page
    assert not set(page) & {chr(code) for code in (0, 8, 27)}
    assert page.count('<bdi dir="auto">') == 20
    assert "very long " * 20 not in page


def test_every_chart_says_in_words_what_it_shows(page):
    charts = Page(page).every("svg")
    assert len(charts) >= 12
    for attrs in charts:
        assert attrs["role"] == "img" and len(attrs["aria-label"]) > 30
    ids = [attrs["id"] for _, attrs in Page(page).elements if "id" in attrs]
    assert len(ids) == len(set(ids))


def test_links_within_the_page_lead_somewhere(page):
    parsed = Page(page)
    ids = {attrs["id"] for _, attrs in parsed.elements if "id" in attrs}
    assert {attrs["href"][1:] for attrs in parsed.every("a")} <= ids
    assert {attrs["for"] for attrs in parsed.every("label")} <= ids
    assert {attrs["aria-labelledby"] for attrs in parsed.every("section")} <= ids


def test_every_table_says_what_its_columns_and_rows_are(page):
    parsed = Page(page)
    assert all(attrs.get("scope") in ("col", "row") for attrs in parsed.every("th"))
    assert page.count("<table") == page.count("<caption")
    assert all(
        attrs["tabindex"] == "0" and attrs["aria-label"]
        for attrs in parsed.every("div")
        if "role" in attrs and attrs["role"] == "region"
    )


def test_the_sample_world_is_called_synthetic_and_real_videos_are_not(trials, page):
    assert "SYNTHETIC" in page
    real = [replace(each, cell=replace(each.cell, data_source="archive")) for each in trials]
    assert "SYNTHETIC" not in page_of(real)


def test_equal_results_make_equal_pages_to_the_byte(trials, page):
    assert page_of(trials) == page


def test_the_first_family_is_chosen_and_each_can_be(page):
    choices = [attrs for attrs in Page(page).every("input")]
    assert [("checked" in attrs) for attrs in choices] == [True, False, False]
    for at in range(3):
        assert f".choice:has(#family-{at}:checked) .panels > svg:nth-child({at + 1})" in page


def test_the_configuration_is_there_and_collapsed(page):
    assert "<details>" in page and "<details open" not in page
    assert "<dt>alphas</dt><dd>0.1, 1.0</dd>" in page


@pytest.mark.parametrize("metric", ["pairwise_auc", "spearman", "mae_raw"])
def test_any_rank_metric_makes_a_page(trials, metric):
    page = page_of(trials, metric=metric)
    assert f"{metric} on test" in page and "nan" not in re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL).lower()


def test_a_run_with_next_to_nothing_still_makes_a_page(small_task):
    """One family, one test video, no pairs, no title, nothing known of the channel, no summary of the data."""
    made = trial(small_task, "train_mean")
    val = made.predictions.filter(split="val")
    few = pl.concat([val, made.predictions.filter(split="test").head(1)]).with_columns(
        age_hours_at_snapshot1=pl.lit(None, pl.Float64), age_at_snapshot1=pl.lit(None, pl.String)
    )
    made = replace(made, predictions=few, pair_predictions=made.pair_predictions.clear())
    page = page_of([made], data={"label_counts": {}}, config={})
    parsed = Page(page)
    assert not parsed.open and not parsed.unmatched
    assert "No family beats the baseline train_mean" in page
    assert "there are no pairs of test videos" in page and "(no title)" in page
    assert "No family here learns step by step" in page


def many(trials, n_videos, n_families):
    """Trials of so many families on so many test videos."""
    rng = np.random.default_rng(0)
    base, y_true = trials[2].predictions.filter(split="test"), rng.normal(9, 2, n_videos)
    rows = base[rng.integers(0, base.height, n_videos)].with_columns(
        video_id=pl.Series([f"v{i}" for i in range(n_videos)]), y_true=pl.Series(y_true)
    )
    rows = pl.concat([trials[2].predictions.filter(split="val"), rows])
    gates = rows.select("video_id", "split", image=pl.lit(0.7), text=pl.lit(0.3))
    curve = [Step(i, 1 / i + 0.1, 1.1 / i + 0.2) for i in range(1, 501)]
    findings = Findings({}, curve, {f"column_{chr(97 + i)}": float(i) for i in range(26)})
    made = []
    for i in range(n_families):
        noise = pl.Series(rng.normal(0, 0.5 + i / 10, rows.height))
        model = type("Named", (type(trials[2].model),), {"name": f"family_with_a_long_name_{i:02d}"})(seed=1)
        predictions = rows.with_columns(y_pred=pl.col("y_true") + noise)
        made.append(replace(trials[2], model=model, predictions=predictions, findings=findings, modality_weights=gates))
    return made


@pytest.mark.slow
def test_twenty_thousand_videos_and_fourteen_families_fit_into_three_megabytes(trials):
    made = many(trials, 20_000, 14)
    board = leaderboard(trials, FAMILIES, run_id="r1", ranking=Ranking(resamples=20)).filter(model="ridge")
    boards = pl.concat(board.with_columns(model=pl.lit(each.name), is_best=pl.lit(each is made[0])) for each in made)
    slices = slice_metrics(made, run_id="r1")
    charts = figures(made, boards, slices, data=DATA)
    page = report_page(made, boards, slices, charts=charts, data=DATA, config=CONFIG)
    assert len(page.encode()) < 3_000_000
    assert "400 of 20,000 videos are drawn" in page


def chromium(tmp_path, page, *options):
    """The page after a browser has opened it from a file, and what the browser's console said."""
    binary = next(
        (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
    )
    if binary is None:
        pytest.skip("there is no chromium to open the page with")
    file = tmp_path / "page.html"
    file.write_text(page)
    command = [
        *(binary, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"),
        *("--disable-component-update", "--disable-sync", "--disable-quic", "--enable-logging=stderr", "--v=0"),
        *("--virtual-time-budget=5000", *options, "--dump-dom"),
    ]
    # Its processes work on in its profile after the browser has answered.
    with TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command += [f"--user-data-dir={profile}", file.as_uri()]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


@pytest.mark.slow
def test_a_browser_would_tell_if_a_title_ran(tmp_path):
    """What the next test relies on: a script of a page does change its title, and a fault is in the console."""
    dom, said = chromium(
        tmp_path, f"<title>a</title><p>{TITLES[0]}</p><script>console.error('fault'); nothing()</script>"
    )
    assert "<title>RAN</title>" in dom and len(said) == 2


@pytest.mark.slow
def test_a_browser_opens_the_page_without_a_fault_and_runs_no_title(tmp_path, page):
    dom, said = chromium(tmp_path, page)
    assert said == []
    assert "<title>RAN</title>" not in dom and "<title>7d · concat · publish · vidrank</title>" in dom
    opened, written = Page(dom), Page(page)
    assert [tag for tag, _ in opened.elements] == [tag for tag, _ in written.elements]
