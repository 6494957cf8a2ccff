import json
from types import SimpleNamespace

import numpy as np
import polars as pl

from vidrank_assets.features.vectors import Vectors
from vidrank_assets.pair_tables import TRAINING_PAIRS
from vidrank_assets.selection.encoder_record import CONFIG, EncoderRecord

ROWS = [
    ("a", "b", "one", 1, 0.5, 1.0, "val", "views"),
    ("c", "d", "one", 1, 0.5, 1.0, "test", "views"),
    ("e", "f", "two", 0, 0.5, 1.0, "test", "views"),
]
PAIRS = pl.DataFrame(ROWS, schema=TRAINING_PAIRS.schema, orient="row")


def part(ids):
    return SimpleNamespace(stored=Vectors(tuple(ids), np.zeros((len(ids), 1), np.float32), {"image": 1}))


#: Tuned knows every winner; untuned is wrong of e and f.
RANKER = SimpleNamespace(
    scores={
        "tuned": {"val": np.array([1.0, 0.0]), "test": np.array([1.0, 0.0, 0.0, 1.0])},
        "untuned": {"val": np.array([1.0, 0.0]), "test": np.array([1.0, 0.0, 1.0, 0.0])},
    },
    facts={"best_epoch": 3},
    save=lambda folder: (folder / "encoder").mkdir(),
)
RECORD = EncoderRecord.of(RANKER, SimpleNamespace(parts={"val": part("ab"), "test": part("cdef")}), PAIRS, {"seed": 1})


def test_scores_of_each_part_are_those_of_its_videos():
    assert RECORD.figures["test"]["tuned"]["value"] == 1
    assert RECORD.figures["test"]["untuned"]["value"] == 0.5


def test_a_row_says_who_ranked_which_part_and_what_was_gained():
    rows = {(row["split"], row["ranked_by"]): row for row in RECORD.rows().iter_rows(named=True)}
    assert len(rows) == 6
    assert rows["test", "tuned_over_untuned"]["pairwise_auc"] == 0.5
    assert (rows["val", "tuned"]["low"], rows["val", "tuned"]["high"]) == (None, None)


def test_what_was_found_and_what_decided_it_are_files_of_their_own(tmp_path):
    RECORD.save(tmp_path)
    assert (tmp_path / "encoder").is_dir()
    assert json.loads((tmp_path / CONFIG).read_text()) == {"seed": 1}
    found = json.loads((tmp_path / "facts.json").read_text())
    assert found["facts"] == {"best_epoch": 3} and found["pairwise_auc"]["test"]["tuned"]["value"] == 1
