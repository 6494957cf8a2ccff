from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from vidrank_assets.errors import ArtifactMissing, InvalidInput
from vidrank_assets.variant_comparison import compared, latest_ranker, usual_of, variants_of
from vidrank_assets_tests.trained_ranker import LEVEL, N_CHANNELS, picture, record, trained_ranker

CELL = {"channel": "c03", "horizon": "7d", "strategy": "concat"}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    with trained_ranker(tmp_path_factory.mktemp("trained")) as made:
        yield made


@pytest.fixture
def files(tmp_path):
    """Pictures by how bright they are."""
    paths = {name: tmp_path / f"{name}.png" for name in ("dark", "mid", "bright")}
    for path, brightness in zip(paths.values(), (70, 150, 240), strict=True):
        path.write_bytes(picture(brightness))
    return paths


@pytest.fixture
def answer(trained, files):
    variants = variants_of([files["dark"], files["bright"], files["mid"]], ["What word1 does with word2"])
    return compared(trained.instance, trained.store, variants, **CELL)


def test_one_title_serves_all_pictures_each_has_its_own_or_one_picture_has_several(files):
    two, titles = [files["dark"], files["mid"]], ["one title", "another title"]
    assert [(each.name, each.title) for each in variants_of(two, titles[:1])] == [
        ("dark.png", "one title"),
        ("mid.png", "one title"),
    ]
    assert [(each.name, each.title) for each in variants_of(two, titles)] == [
        ("dark.png", "one title"),
        ("mid.png", "another title"),
    ]
    several = variants_of(two[:1], titles)
    assert [each.name for each in several] == ["“one title”", "“another title”"]
    assert [each.picture for each in several] == [picture(70)] * 2
    assert [each.name for each in variants_of(two[:1] * 2, titles[:1])] == ["dark.png (1)", "dark.png (2)"]


@pytest.mark.parametrize(("n_pictures", "n_titles"), [(1, 1), (11, 1), (1, 11), (3, 2), (0, 1), (2, 0)])
def test_one_variant_eleven_or_titles_that_fit_no_picture_are_one_sentence(tmp_path, n_pictures, n_titles):
    (tmp_path / "a.png").write_bytes(picture(90))
    with pytest.raises(InvalidInput, match=f"got {n_pictures} pictures and {n_titles} titles"):
        variants_of([tmp_path / "a.png"] * n_pictures, ["t"] * n_titles)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InvalidInput, match=r"nowhere\.png: No such file"):
        variants_of([tmp_path / "nowhere.png"], ["one", "two"])


def test_the_variant_that_looks_like_what_won_before_would_win(answer):
    assert answer.table["variant"].to_list() == ["bright.png", "mid.png", "dark.png"]
    assert answer.table["rank"].to_list() == [1, 2, 3]
    assert answer.verdict.startswith("bright.png would win: against mid.png, the second, with ")
    assert answer.ranking.best.sum() == pytest.approx(1)


def test_expected_views_are_the_channels_usual_moved_by_the_score(answer):
    assert answer.usual == LEVEL
    best = answer.table.row(0, named=True)
    score = answer.heads.score.max()
    assert best["over the usual"] == f"+{score:.3f}"
    assert best["expected views"].endswith("k")
    assert float(best["expected views"][:-1]) * 1000 == pytest.approx(np.expm1(LEVEL + score), rel=0.01)


def test_sub_scores_are_said_as_measured_and_as_the_head_has_them_where_they_are_measured(answer):
    assert "title_match" not in answer.table.columns  # no CLIP model here
    contrast = answer.table["contrast"][0]
    at = answer._order[0]
    assert contrast == f"{answer.measured[at, 2]:.2f} ({answer.heads.sub_scores[at, 2]:.2f})"


def test_a_variants_score_does_not_depend_on_the_others(trained, files, answer):
    alone = compared(
        trained.instance, trained.store, variants_of([files["bright"]], ["What word1 does with word2", "x"]), **CELL
    )
    assert alone.heads.score[0] == answer.heads.score[1]


def test_the_same_variant_twice_is_too_close_to_call(trained, files):
    variants = variants_of([files["mid"], files["mid"], files["dark"]], ["a title"])
    found = compared(trained.instance, trained.store, variants, **CELL)
    assert found.ranking.is_close and found.verdict.startswith("Too close to call")
    assert found.table["rank"].to_list() == [1, 1, 3]


def test_synthetic_data_are_called_synthetic_in_words_and_in_the_picture(answer):
    assert "SYNTHETIC sample world" in answer.about and "channel c03" in answer.about
    shown = Image.open(BytesIO(answer.picture()))
    assert shown.format == "PNG" and shown.width > 1200


def test_a_channel_of_which_nothing_was_captured_is_one_sentence(trained):
    with pytest.raises(InvalidInput, match=f"'nobody' is none of the {N_CHANNELS} at 7d"):
        usual_of(trained.store, "nobody", "7d")


def test_without_a_trained_ranker_the_way_to_one_is_said(trained):
    with pytest.raises(ArtifactMissing, match="vidrank backfill --horizon 14d --strategy sum_pool"):
        latest_ranker(trained.instance, trained.store, horizon="14d", strategy="sum_pool")


@pytest.mark.parametrize(
    ("content", "title", "found"),
    [(b"text", "a title", "a picture must be readable; that of 'a.png' is not: no JPEG"), (None, " ", "a title must")],
)
def test_a_picture_or_title_that_cannot_be_read_is_named_with_the_reason(trained, tmp_path, content, title, found):
    for name in "ab":
        (tmp_path / f"{name}.png").write_bytes(content or picture(90))
    variants = variants_of([tmp_path / "a.png", tmp_path / "b.png"], [title])
    with pytest.raises(InvalidInput, match=found):
        compared(trained.instance, trained.store, variants, **CELL)


def test_a_ranker_of_other_encoders_is_not_asked(trained, files):
    """The last test: it records another fusion with those bytes."""
    sha256 = trained.snapshot.config["families"]["pairwise_ranker"]["data_versions"]["fused_embeddings"]
    record(trained.instance, "fused_embeddings", "concat", sha256=sha256, encoders={"image": "clip@x"})
    with pytest.raises(InvalidInput, match="VIDRANK_IMAGE_ENCODER is now thumbnail_statistics@2"):
        compared(trained.instance, trained.store, variants_of([files["mid"]], ["a", "b"]), **CELL)
