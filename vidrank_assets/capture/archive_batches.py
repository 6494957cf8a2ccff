"""Which files of a folder belong to which group of a mapping, and their rows as they are written."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl

from vidrank_assets.capture.archive_files import column_names, matching, rows_of
from vidrank_assets.capture.archive_rules import joinable
from vidrank_assets.capture.mapping import FileGroup, Join, Layout, Mapping
from vidrank_assets.errors import InvalidInput

_Columns = tuple[str, ...]


class Batch(NamedTuple):
    """The rows of files of one group that have the same columns, as `archive_files.rows_of` gives them.

    place: which group of the mapping, from 0. joined: `archive_rules.joinable` of the file that the group joins.
    """

    place: int
    group: FileGroup
    columns: _Columns
    rows: pl.DataFrame
    joined: pl.DataFrame | None


def batches(folder: Path, mapping: Mapping) -> Iterator[Batch]:
    """Every row of every file that the mapping names, in the order of its groups.

    Raises InvalidInput: there is no such file, one has the columns of no group, or one to join is absent.
    """
    for place, layouts in _assigned(folder, mapping).items():
        group = mapping.files[place]
        joined = _joined(folder, group.join, mapping.name) if group.join else None
        for columns, paths in layouts.items():
            yield Batch(place, group, columns, rows_of(paths, group, columns, folder), joined)


def _assigned(folder: Path, mapping: Mapping) -> dict[int, dict[_Columns, list[Path]]]:
    """The files of each group, by their columns."""
    found = [set(matching(folder, group.glob)) for group in mapping.files]
    assigned: dict[int, dict[_Columns, list[Path]]] = defaultdict(lambda: defaultdict(list))
    for path in sorted(set[Path]().union(*found)):
        candidates = [place for place, paths in enumerate(found) if path in paths]
        place, columns = _group_of(path, candidates, mapping)
        assigned[place][columns].append(path)
    if not assigned:
        globs = ", ".join(glob for group in mapping.files for glob in group.glob)
        raise InvalidInput(
            f"an archive must hold the files that its mapping names; {folder} has none that match {globs} "
            f"of mapping {mapping.name}. Check the folder, or choose another mapping."
        )
    return dict(sorted(assigned.items()))


def _group_of(path: Path, candidates: Sequence[int], mapping: Mapping) -> tuple[int, _Columns]:
    """The first group whose columns a file has, and the file's columns."""
    lacking: list[list[str]] = []
    for place in candidates:
        columns = column_names(path, mapping.files[place])
        lacking.append(_lacking(columns, mapping.files[place]))
        if not lacking[-1]:
            return place, columns
    raise InvalidInput(_lacks(path, min(lacking, key=len), mapping.name))


def _joined(folder: Path, join: Join, mapping: str) -> pl.DataFrame:
    """What the captures of a group lack, by the key of its join."""
    paths = matching(folder, join.glob)
    if not paths:
        raise InvalidInput(
            f"captures of mapping {mapping} must be joined with {', '.join(join.glob)}; {folder} has no such file. "
            "Put it there, or use a copy of the mapping without that `join`."
        )
    return joinable(pl.concat([_to_join(path, join, folder, mapping) for path in paths]), join)


def _to_join(path: Path, join: Join, folder: Path, mapping: str) -> pl.DataFrame:
    columns = column_names(path, join)
    if lacking := _lacking(columns, join):
        raise InvalidInput(_lacks(path, lacking, mapping))
    return rows_of([path], join, columns, folder)


def _lacking(columns: Sequence[str], layout: Layout) -> list[str]:
    return [name for name in layout.needed if name not in columns]


def _lacks(path: Path, lacking: Sequence[str], mapping: str) -> str:
    return (
        f"a file must have the columns that mapping {mapping} names; {path} lacks {', '.join(lacking)}. "
        "Correct the mapping, or take the file out of the folder."
    )
