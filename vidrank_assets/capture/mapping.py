"""How a mapping is written: which files of a folder are captures, and which of their columns are ours.

A mapping is a YAML file. `files:` lists groups of files; what `defaults:` says holds for each of them. A file belongs
to the first group whose `glob` it matches and whose columns it has, so that a folder may hold several layouts.
"""

import codecs
import re
from collections.abc import Mapping as AnyMapping
from datetime import time
from importlib.resources import files as resources
from pathlib import Path
from typing import Annotated, Any, Literal

import polars as pl
import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from vidrank_assets.capture.archive_values import instant
from vidrank_assets.errors import InvalidInput, UnknownName
from vidrank_assets.schema import Table
from vidrank_assets.tables import CHANNEL_SNAPSHOTS, SNAPSHOTS

TableName = Literal["snapshots", "channel_snapshots"]

NULLS = ("", "[none]", "[None]", "none", "None", "null", "NULL", "NaN", "nan", "N/A", "#N/A")
_TABLES: dict[str, Table] = {table.name: table for table in (SNAPSHOTS, CHANNEL_SNAPSHOTS)}
_REQUIRED = {
    "snapshots": ("video_id", "captured_at", "published_at"),
    "channel_snapshots": ("channel_id", "captured_at"),
}


def _listed(value: object) -> object:
    """One name stands for a list of one."""
    return [value] if isinstance(value, str) else value


def _quoted(value: object) -> object:
    """YAML reads 06:00:00 without quotes as a number."""
    if not isinstance(value, str | time):
        raise ValueError('a time of day stands in quotes, such as "06:00:00"')
    return value


def _decoding(encoding: str) -> str:
    try:
        codecs.lookup(encoding)
    except LookupError:
        raise ValueError(f"there is no encoding {encoding!r}; utf-8, cp1252 and latin-1 are usual ones") from None
    return encoding


def _capturing(pattern: str) -> str:
    try:
        pl.select(pl.lit("").str.extract(pattern))
        n_groups = re.compile(pattern).groups
    except (re.error, pl.exceptions.PolarsError):
        n_groups = 0
    if not n_groups:
        raise ValueError(f"{pattern!r} is no regular expression with a (group)")
    return pattern


def _strptime(pattern: str) -> str:
    try:
        pl.select(instant(pl.lit(""), [pattern], time(0)))
    except pl.exceptions.PolarsError:
        raise ValueError(f"{pattern!r} is no format of a time, such as %Y-%m-%d %H:%M") from None
    return pattern


Names = Annotated[tuple[str, ...], BeforeValidator(_listed)]
Formats = Annotated[tuple[Annotated[str, AfterValidator(_strptime)], ...], BeforeValidator(_listed)]


class _Written(BaseModel):
    """What a person writes: unknown keys are mistakes, and nothing changes afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Layout(_Written):
    """How the values of some files are found.

    glob: patterns of the files, relative to the folder.
    format: csv, parquet, or jsonl (one object a line).
    header: column names of a CSV that has no header line.
    columns: our column: theirs. Of several of theirs the first that is not null stands, so a channel title can stand in
    for a missing id; a name that ends in `?` may be absent from a file.
    nulls: texts that mean "not known" everywhere but in titles and descriptions, where only emptiness does.
    """

    glob: Names
    format: Literal["csv", "parquet", "jsonl"] = "csv"
    header: Names | None = None
    encoding: Annotated[str, AfterValidator(_decoding)] = "utf-8"
    separator: str = Field(",", min_length=1, max_length=1)
    columns: dict[str, Names]
    nulls: tuple[str, ...] = NULLS

    @property
    def needed(self) -> list[str]:
        """Their columns, without which a file has another layout."""
        return list(dict.fromkeys(name for names in self.columns.values() for name in names if not name.endswith("?")))


class Join(Layout):
    """A second file with what the captures themselves lack, by `key`; where it has a key twice, its first row.

    optional: a capture without a row there is kept; otherwise it is rejected.
    """

    key: str = "video_id"
    optional: bool = False


class Tags(_Written):
    """How tags are joined in one cell, and which character may surround each of them."""

    separator: str = "|"
    quote: str = ""


class FileGroup(Layout):
    """Files of one layout.

    from_path: our column: a regular expression whose group is found in the file's path.
    values: our column: what it is in every row.
    times: our column: formats, tried in order; ISO 8601 without it. A time without zone is UTC.
    clock: when, on a day that a source gives without a time, its captures were read (UTC). The end of the day is the
    only safe guess; a mapping that knows better says why.
    hidden: counter: the flag that says it is hidden, and then it is null, not zero.
    zero_is_hidden: counters that the source writes as 0 when it did not see them.
    escaped_newlines: columns where a line break is written as backslash and n.
    """

    table: TableName = "snapshots"
    from_path: dict[str, Annotated[str, AfterValidator(_capturing)]] = {}
    values: dict[str, str] = {}
    times: dict[str, Formats] = {}
    clock: Annotated[time, BeforeValidator(_quoted)] = time(23, 59, 59)
    tags: Tags = Tags()
    hidden: dict[str, str] = {}
    zero_is_hidden: tuple[str, ...] = ()
    escaped_newlines: tuple[str, ...] = ()
    join: Join | None = None

    @property
    def declared(self) -> Table:
        """The table that these files fill."""
        return _TABLES[self.table]

    @property
    def ours(self) -> set[str]:
        """Our columns that these files fill."""
        return {*self.columns, *self.from_path, *self.values, *(self.join.columns if self.join else ())}

    @property
    def needed(self) -> list[str]:
        """Their columns, without which a file has another layout."""
        return list(dict.fromkeys([*super().needed, *self.hidden.values()]))

    @model_validator(mode="after")
    def _says_each_column_once(self) -> "FileGroup":
        told = [*self.columns, *self.from_path, *self.values]
        if twice := sorted({name for name in told if told.count(name) > 1}):
            raise ValueError(f"{', '.join(twice)} is in more than one of columns, from_path and values")
        if self.join is not None and not (self.join.key in self.columns and self.join.key in self.join.columns):
            raise ValueError(f"the key {self.join.key} of a join must be among the columns of both files")
        return self

    @model_validator(mode="after")
    def _fills_the_table(self) -> "FileGroup":
        declared = set(self.declared.schema.names()) - {"source"}
        if unknown := sorted((self.ours | set(self.times) | set(self.zero_is_hidden) | set(self.hidden)) - declared):
            raise ValueError(f"{self.table} has no column {', '.join(unknown)}; it has {', '.join(sorted(declared))}")
        if missing := [name for name in _REQUIRED[self.table] if name not in self.ours]:
            raise ValueError(
                f"{', '.join(self.glob)} gives no {', '.join(missing)}, without which a row is no capture; "
                "if it is known, state it under `values` in a copy of the mapping"
            )
        return self


class Mapping(_Written):
    """A mapping: its name, what it is for, its groups of files, and where thumbnails lie.

    thumbnails: path of a picture below the folder, `{video_id}` standing for the id; none when empty.
    """

    name: str
    about: str = ""
    thumbnails: str | None = None
    files: tuple[FileGroup, ...] = Field(min_length=1)


def shipped() -> dict[str, Path]:
    """The mappings that come with the package, by name."""
    folder = Path(str(resources("vidrank_assets.capture") / "mappings"))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def read_mapping(mapping: str | Path) -> Mapping:
    """The mapping of that name, or in that YAML file.

    Raises UnknownName: neither. InvalidInput: it is not a mapping.
    """
    path = shipped().get(str(mapping), Path(mapping))
    if not path.is_file():
        raise UnknownName(f"mapping must be the path of a YAML file or one of: {', '.join(shipped())}; got {mapping}.")
    try:
        written = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as broken:
        raise InvalidInput(f"a mapping must be YAML; {path} is not: {' '.join(str(broken).split())}.") from None
    try:
        return Mapping.model_validate({"name": path.stem, **_with_defaults(written)})
    except ValidationError as broken:
        raise InvalidInput(_sentence(path, broken)) from None


def _with_defaults(written: object) -> dict[str, Any]:
    """What `defaults` says, put into each group of files; of a table of names, the names that the group lacks."""
    if not isinstance(written, dict):
        return {"files": written}
    defaults = written.get("defaults") or {}
    rest = {key: value for key, value in written.items() if key != "defaults"}
    groups = rest.get("files")
    if not isinstance(groups, list) or not all(isinstance(group, dict) for group in (defaults, *groups)):
        return rest
    return {**rest, "files": [_merged(defaults, group) for group in groups]}


def _merged(defaults: AnyMapping[str, Any], group: AnyMapping[str, Any]) -> dict[str, Any]:
    both = {
        key: {**defaults[key], **group[key]}
        for key in defaults.keys() & group.keys()
        if isinstance(defaults[key], dict) and isinstance(group[key], dict)
    }
    return {**defaults, **group, **both}


def _sentence(path: Path, broken: ValidationError) -> str:
    first = broken.errors()[0]
    place = ".".join(str(step) for step in first["loc"]) or "the whole"
    what = first["msg"].removeprefix("Value error, ")
    return f"mapping {path.stem} must say which columns are which; found at {place}: {what}. Correct {path}."
