"""The contract every model family keeps, whatever it is made of."""

import shutil
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from vidrank_assets.catalog import FAMILIES
from vidrank_assets.errors import InvalidInput, NotFitted
from vidrank_assets.features.vectors import Vectors
from vidrank_assets.models.base import Dataset, load_family

#: Families that val stops: everything else must not read its targets.
STOPPED_BY_VAL = [name for name in FAMILIES.entries if "patience" in load_family(name).takes.model_fields]


@pytest.fixture(params=FAMILIES.entries, scope="module")
def family(request):
    return request.param


@pytest.fixture(scope="module")
def fitted(family, train, val):
    """Fitted once for all tests, none of which fits it again."""
    return load_family(family)().fit(train, val)


def rmse(predicted, videos):
    return float(np.sqrt(np.mean((predicted - videos.targets) ** 2)))


def test_a_family_is_called_what_its_catalog_line_and_its_file_are_called(family):
    assert load_family(family).name == family
    assert load_family(family).__module__.rsplit(".", 1)[-1] == family


def test_it_learns_what_it_can_see(family, fitted, val):
    blind = rmse(np.full(len(val), val.targets.mean()), val)
    error = rmse(fitted.predict(val), val)
    if family == "train_mean":
        assert error == pytest.approx(blind, abs=0.1)
    else:
        assert error < 0.8 * blind


@pytest.mark.parametrize("family", [name for name, entry in FAMILIES.entries.items() if entry.origin != "baseline"])
def test_what_sees_the_fused_vector_beats_the_metadata_baseline(family, train, val):
    baseline = load_family("metadata_lightgbm")().fit(train, val).predict(val)
    predicted = load_family(family)().fit(train, val).predict(val)
    assert rmse(predicted, val) < 0.8 * rmse(baseline, val)


def test_a_video_is_predicted_the_same_alone_as_among_others(fitted, unlabelled):
    alone = [fitted.predict(unlabelled.rows([i]))[0] for i in (0, 7, 99)]
    np.testing.assert_allclose(alone, fitted.predict(unlabelled)[[0, 7, 99]], rtol=1e-12)


def test_a_video_may_be_asked_about_twice(fitted, unlabelled):
    twice = fitted.predict(unlabelled.rows([3, 3]))
    assert twice[0] == twice[1]


def test_no_videos_give_no_predictions(fitted, unlabelled):
    assert fitted.predict(unlabelled.rows([])).shape == (0,)


def test_what_is_stored_predicts_the_same_to_the_bit_wherever_it_is_moved(family, fitted, unlabelled, tmp_path):
    (tmp_path / "here").mkdir()
    fitted.save(tmp_path / "here")
    shutil.copytree(tmp_path / "here", tmp_path / "there")
    shutil.rmtree(tmp_path / "here")
    loaded = load_family(family).load(tmp_path / "there")
    np.testing.assert_array_equal(loaded.predict(unlabelled), fitted.predict(unlabelled))


def test_nothing_that_is_stored_has_to_be_unpickled(fitted, tmp_path):
    fitted.save(tmp_path)
    assert {path.suffix for path in tmp_path.rglob("*") if path.is_file()} <= {
        ".arrow", ".json", ".npz", ".safetensors", ".skops", ".txt",
    }  # fmt: skip


def test_a_loaded_family_can_be_stored_again(family, fitted, unlabelled, tmp_path):
    for folder in ("first", "second"):
        (tmp_path / folder).mkdir()
    fitted.save(tmp_path / "first")
    load_family(family).load(tmp_path / "first").save(tmp_path / "second")
    again = load_family(family).load(tmp_path / "second")
    np.testing.assert_array_equal(again.predict(unlabelled), fitted.predict(unlabelled))


def test_two_fits_with_one_seed_predict_the_same_to_the_bit(family, fitted, train, val):
    np.testing.assert_array_equal(load_family(family)().fit(train, val).predict(val), fitted.predict(val))


def test_fitting_again_forgets_the_first_fit(family, fitted, train, val):
    other = replace(train.rows(range(60)), target_log=train.targets[:60] + 3)
    twice = load_family(family)().fit(other, replace(val, target_log=val.targets + 3)).fit(train, val)
    np.testing.assert_array_equal(twice.predict(val), fitted.predict(val))


@pytest.mark.parametrize("family", [name for name in FAMILIES.entries if name not in STOPPED_BY_VAL])
def test_a_family_that_does_not_stop_early_reads_nothing_of_val(family, train, val):
    shuffled = replace(val, target_log=val.targets[::-1].copy())
    first, second = (load_family(family)().fit(train, part).predict(val) for part in (val, shuffled))
    np.testing.assert_array_equal(first, second)


def test_a_level_that_training_never_met_is_predicted(fitted, unlabelled, with_columns):
    unseen = with_columns(unlabelled, category_id=pl.lit("never met"), default_language=pl.lit("xx"))
    assert np.isfinite(fitted.predict(unseen)).all()


def test_a_video_of_which_nothing_is_known_is_predicted(fitted, unlabelled):
    nothing = unlabelled.columns.select(
        pl.lit(None, dtype=t).alias(name) for name, t in unlabelled.columns.schema.items()
    )
    unknown = replace(unlabelled, columns=nothing[:1].select(pl.all().repeat_by(len(unlabelled)).explode()))
    assert np.isfinite(fitted.predict(unknown)).all()


def test_as_few_videos_as_a_split_may_have_are_enough(family, train, val):
    predicted = load_family(family)().fit(train.rows(range(10)), val.rows([0])).predict(val)
    assert np.isfinite(predicted).all()


def test_the_order_of_the_columns_is_of_no_matter(fitted, unlabelled):
    turned = replace(unlabelled, columns=unlabelled.columns.select(reversed(unlabelled.columns.columns)))
    np.testing.assert_array_equal(fitted.predict(turned), fitted.predict(unlabelled))


def test_other_columns_than_those_of_the_fit_are_refused_by_name(fitted, unlabelled):
    fewer = replace(unlabelled, columns=unlabelled.columns.drop("tag_count"))
    with pytest.raises(InvalidInput, match=r"must be those \w+ was fitted on; these differ: tag_count\."):
        fitted.predict(fewer)


def test_another_type_of_a_column_is_refused(fitted, unlabelled, with_columns):
    with pytest.raises(InvalidInput, match="these differ: tag_count"):
        fitted.predict(with_columns(unlabelled, tag_count=pl.lit(None, dtype=pl.String)))


def test_other_fused_blocks_than_those_of_the_fit_are_refused(fitted, unlabelled):
    turned = Vectors(unlabelled.video_ids, unlabelled.fused.matrix, {"text": 4, "image": 6})
    with pytest.raises(InvalidInput, match="these differ: fused image, fused text"):
        fitted.predict(replace(unlabelled, fused=turned))


@pytest.mark.parametrize("part", ["train", "val"])
def test_a_part_without_targets_is_refused(family, train, val, part):
    parts = {"train": train, "val": val}
    parts[part] = replace(parts[part], target_log=None)
    with pytest.raises(InvalidInput, match=f"{part} must have rows with targets"):
        load_family(family)().fit(**parts)


def test_an_unfitted_family_neither_predicts_nor_is_saved(family, unlabelled, tmp_path):
    with pytest.raises(NotFitted, match="must be fitted before it predicts"):
        load_family(family)().predict(unlabelled)
    with pytest.raises(NotFitted, match="must be fitted before it is saved"):
        load_family(family)().save(tmp_path)


def test_a_fit_that_fails_leaves_no_half_fitted_family(family, train, val):
    model = load_family(family)().fit(train.rows(range(30)), val)
    with pytest.raises(InvalidInput):
        model.fit(train, replace(val, columns=val.columns.drop("tag_count")))
    with pytest.raises(NotFitted):
        model.predict(val)


def test_a_dataset_refuses_parts_of_different_length(train):
    with pytest.raises(InvalidInput, match="got 299 rows for 300 videos"):
        Dataset(train.columns[:299], train.fused)


@pytest.mark.parametrize("target", [np.zeros(3), np.full(300, np.nan)])
def test_a_dataset_refuses_targets_that_are_missing(train, target):
    with pytest.raises(InvalidInput, match="one finite value per video"):
        replace(train, target_log=target)


def test_asking_unlabelled_videos_for_targets_says_so(unlabelled):
    with pytest.raises(InvalidInput, match="these 120 videos must have targets"):
        _ = unlabelled.targets
