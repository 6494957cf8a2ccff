"""The click-through rates that YouTube shows nobody but the owner, from a CSV file of YouTube Studio or of one's own.

Studio gives them in Analytics → Advanced mode → Export → `Table data.csv`: an id in `Content` (once `Video`), a first
row `Total`, percent as a number, an empty cell where a video was shown too rarely, a blank before an id that begins
with a hyphen. Old exports have soft hyphens in their headers; what a spreadsheet program saved again has a byte-order
mark, thousands separators or semicolons.
"""

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import polars as pl

from vidrank_assets.capture.youtube_fields import VIDEO_ID
from vidrank_assets.errors import InvalidInput
from vidrank_assets.pair_tables import REJECTED_ANALYTICS, VIDEO_ANALYTICS

_RULES = {
    "unreadable_row": "a quote that is opened must be closed, and a row must have as many fields as the header",
    "invalid_video_id": "an id must be 11 letters, digits, hyphens or underscores",
    "no_ctr": "a CTR must be there; YouTube Studio leaves it empty for a video that was shown too rarely",
    "ctr_not_a_number": "a CTR must be a number, with a point before its decimals",
    "ctr_not_a_share": "a column named ctr holds shares from 0 to 1: 4.2 % is 0.042",
    "ctr_above_100_percent": "a click-through rate in percent must be from 0 to 100",
    "impressions_not_whole": "impressions must be a whole number, or empty",
    "no_impressions": "a video that was never shown has no CTR",
    "conflicting_rows": "a video must have one row, or the same numbers in all of them",
}
_ID_HEADERS = ("video_id", "content", "video")
_SHARE, _PERCENT = "ctr", "impressions click-through rate (%)"
_TOTAL = "Total"
#: Thousands may be set apart by commas, apostrophes or blanks, also those that don't break.
_NUMBER = re.compile(r"(?:[1-9]\d{0,2}(?:[,'’ \u00a0\u202f]\d{3})+(?:\.\d*)?|\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?")
_LARGEST = 2**53
_SOFT_HYPHEN = "\u00ad"


class Analytics(NamedTuple):
    """What a file says: `pair_tables.VIDEO_ANALYTICS` by video_id, `pair_tables.REJECTED_ANALYTICS` by line."""

    rows: pl.DataFrame
    rejected: pl.DataFrame


class _Columns(NamedTuple):
    """Where in a row the fields are, and what the CTR is divided by to be a share."""

    video_id: int
    ctr: int
    impressions: int | None
    n_columns: int
    divisor: int


class _Row(NamedTuple):
    """A row as it is understood; reason: the rule that it breaks."""

    line: int
    fields: list[str]
    video_id: str | None = None
    impressions: int | None = None
    ctr: float | None = None
    reason: str | None = None
    found: str | None = None


def video_analytics(file: Path) -> Analytics:
    """The impressions and the CTR of every video in a CSV file, and the rows that were set aside.

    The columns are `video_id`, `impressions` and `ctr` (a share, 0 to 1), or those of YouTube Studio's export
    (`Content`, `Impressions`, `Impressions click-through rate (%)`), in any order and among others; the impressions may
    be absent. A row that is there twice counts once; where rows of a video disagree, all of them are set aside.

    Raises InvalidInput: there is no such file; it has no column of ids or of CTR, or more than one; no row can be used.
    """
    if not file.is_file():
        raise InvalidInput(f"the analytics must be in a CSV file; {file} is none. Correct the path.")
    content = file.read_bytes()
    rows = [_understood(line, fields, columns) for columns, line, fields in _records(file, content)]
    rows = _without_conflicts([row for row in rows if row.video_id != _TOTAL])
    good = [(row.video_id, row.impressions, row.ctr) for row in rows if not row.reason]
    bad = [
        (file.name, hashlib.sha256(content).hexdigest(), row.line, row.video_id, row.reason, _RULES[row.reason],
         row.found, json.dumps(row.fields, ensure_ascii=False))
        for row in rows if row.reason
    ]  # fmt: skip
    if not good:
        first = f"; in line {bad[0][2]}, {bad[0][5]}" if bad else ""
        raise InvalidInput(
            f"{file.name} must have at least one video with a CTR; none of its {len(rows)} rows has{first}. "
            "Export a longer period from YouTube Studio, or correct the rows."
        )
    of_videos = pl.DataFrame(good, schema=VIDEO_ANALYTICS.schema, orient="row").unique("video_id").sort("video_id")
    return Analytics(of_videos, pl.DataFrame(bad, schema=REJECTED_ANALYTICS.schema, orient="row"))


def beside_earlier(earlier: Analytics, imported: Analytics) -> Analytics:
    """What several imports say together: of a video the newest import counts, of a file the newest reading."""
    others = earlier.rows.join(imported.rows, on="video_id", how="anti")
    rejected = earlier.rejected.join(imported.rejected, on="file_sha256", how="anti")
    return Analytics(
        pl.concat([others, imported.rows]).sort("video_id"),
        pl.concat([rejected, imported.rejected]).sort(REJECTED_ANALYTICS.key),
    )


def _records(file: Path, content: bytes) -> Iterator[tuple[_Columns, int, list[str]]]:
    """The columns, and of each row below the header its first line and its fields; empty lines are none."""
    if content.startswith(b"PK\x03\x04"):
        raise InvalidInput(f"{file.name} must be a CSV file; it is a zip archive. Unpack it and take `Table data.csv`.")
    written = content.decode("utf-8-sig", errors="replace")
    header = written.split("\n", 1)[0]
    separator = max(",;\t", key=header.count)
    reader = csv.reader(io.StringIO(written, newline=""), delimiter=separator, strict=True)
    columns, line = None, 1
    while True:
        try:
            fields = next(reader)
        except StopIteration:
            break
        except csv.Error:
            fields = [f"lines {line} to {reader.line_num}"]
        if columns is None:
            columns = _columns(file.name, fields)
        elif fields:
            yield columns, line, fields
        line = reader.line_num + 1
    if columns is None:
        _columns(file.name, [])


def _columns(name: str, header: list[str]) -> _Columns:
    """Where the fields are. Raises InvalidInput: there is not one column of ids and one of CTR."""
    named = [" ".join(each.replace(_SOFT_HYPHEN, "").split()).casefold() for each in header]
    ids = [place for place, each in enumerate(named) if each in _ID_HEADERS]
    ctrs = [place for place, each in enumerate(named) if each in (_SHARE, _PERCENT)]
    impressions = [place for place, each in enumerate(named) if each == "impressions"]
    for found, what in ((ids, "`video_id` or `Content`"), (ctrs, "`ctr` or `Impressions click-through rate (%)`")):
        if len(found) != 1:
            raise InvalidInput(
                f"{name} must have one column {what}; it has {len(found)} among {', '.join(header) or 'no columns'}. "
                "Export `Table data.csv` from YouTube Studio in English, with the column of the click-through rate."
            )
    divisor = 100 if named[ctrs[0]] == _PERCENT else 1
    return _Columns(ids[0], ctrs[0], impressions[0] if impressions else None, len(header), divisor)


def _understood(line: int, fields: list[str], columns: _Columns) -> _Row:
    """What a row says, or which rule it breaks."""
    if len(fields) != columns.n_columns:
        return _Row(line, fields, reason="unreadable_row", found=f"{len(fields)} fields of {columns.n_columns}")
    video_id = fields[columns.video_id].strip().removeprefix("'")
    row = _Row(line, fields, video_id)
    if video_id == _TOTAL:
        return row
    if not re.search(VIDEO_ID, video_id):
        return row._replace(reason="invalid_video_id", found=video_id)
    clicked = fields[columns.ctr].strip()
    shown = fields[columns.impressions].strip() if columns.impressions is not None else ""
    (ctr, not_clicked), (impressions, not_shown) = _ctr(clicked, columns.divisor), _impressions(shown)
    if not_clicked or not_shown:
        return row._replace(reason=not_clicked or not_shown, found=clicked if not_clicked else shown)
    return row._replace(ctr=ctr, impressions=impressions)


def _ctr(written: str, divisor: int) -> tuple[float | None, str | None]:
    """The share, or the rule that it breaks."""
    if not written:
        return None, "no_ctr"
    number = _number(written.removesuffix("%").rstrip() if divisor > 1 else written)
    if number is None:
        return None, "ctr_not_a_number"
    if number > divisor:
        return None, "ctr_not_a_share" if divisor == 1 else "ctr_above_100_percent"
    return number / divisor, None


def _impressions(written: str) -> tuple[int | None, str | None]:
    """The count, nothing where it is empty, or the rule that it breaks."""
    if not written:
        return None, None
    number = _number(written)
    if number is None or number % 1 or number > _LARGEST:
        return None, "impressions_not_whole"
    return (int(number), None) if number else (None, "no_impressions")


def _number(written: str) -> float | None:
    return float(re.sub(r"[^0-9.eE+-]", "", written)) if _NUMBER.fullmatch(written) else None


def _without_conflicts(rows: list[_Row]) -> list[_Row]:
    """The rows, those of a video that says two things set aside."""
    said: Mapping[str | None, set[tuple[int | None, float | None]]] = {row.video_id: set() for row in rows}
    for row in rows:
        if not row.reason:
            said[row.video_id].add((row.impressions, row.ctr))
    return [
        row._replace(reason="conflicting_rows", found=f"impressions {row.impressions}, CTR {row.ctr}")
        if not row.reason and len(said[row.video_id]) > 1
        else row
        for row in rows
    ]
