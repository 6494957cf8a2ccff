"""The watch list: which channels and queries are captured, by niche. It is a YAML file that a person writes."""

import re
from collections.abc import Hashable
from importlib.resources import files as resources
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from vidrank_assets.capture.youtube_fields import CHANNEL_ID
from vidrank_assets.errors import InvalidInput

_HANDLE = r"@[\w.·-]{3,30}"


class ChannelEntry(NamedTuple):
    """A channel that is watched, by its id."""

    niche: str
    channel_id: str


class HandleEntry(NamedTuple):
    """A channel that is watched, by its handle with the @."""

    niche: str
    handle: str


class QueryEntry(NamedTuple):
    """A search whose videos are watched."""

    niche: str
    query: str


class WatchList(NamedTuple):
    """All entries, in the order of the file. The niche of an entry is what the `query` column of its videos says."""

    channel_ids: tuple[ChannelEntry, ...]
    handles: tuple[HandleEntry, ...]
    queries: tuple[QueryEntry, ...]


def _channel_id(text: str) -> str:
    if not re.fullmatch(CHANNEL_ID, text):
        raise ValueError(f"{text!r} is no channel id, which is UC and 22 letters, digits, - or _")
    return text


def _handle(text: str) -> str:
    if not re.fullmatch(_HANDLE, text):
        raise ValueError(f"{text!r} is no handle, which is @ and 3 to 30 letters, digits, _, - or .")
    return text


def _line(text: str) -> str:
    line = " ".join(text.split())
    if not line or not line.isprintable():
        raise ValueError(f"{text!r} is no line of text")
    return line


Line = Annotated[str, Field(max_length=100), AfterValidator(_line)]


class _Written(BaseModel):
    """What a person writes: unknown keys are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class _Niche(_Written):
    channels: tuple[Annotated[str, AfterValidator(_channel_id)], ...] = Field((), min_length=1)
    handles: tuple[Annotated[str, AfterValidator(_handle)], ...] = Field((), min_length=1)
    queries: tuple[Line, ...] = Field((), min_length=1)

    @model_validator(mode="after")
    def _has_an_entry(self) -> "_Niche":
        if not (self.channels or self.handles or self.queries):
            raise ValueError("a niche needs channels, handles or queries")
        return self


class _File(_Written):
    niches: dict[Line, _Niche] = Field(min_length=1)

    @model_validator(mode="after")
    def _lists_each_entry_once(self) -> "_File":
        seen: dict[str, str] = {}
        for name, niche in self.niches.items():
            for entry in (*niche.channels, *(text.casefold() for text in (*niche.handles, *niche.queries))):
                if entry in seen:
                    raise ValueError(
                        f"{entry} is listed in {seen[entry]} and in {name}, and belongs to one niche, once"
                    )
                seen[entry] = name
        return self


class _Loader(yaml.SafeLoader):
    """YAML without a key that is written twice, whose first entries would be lost."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """The mapping, checked."""
        keys = [key.value for key, _ in node.value]
        if twice := sorted({str(key) for key in keys if keys.count(key) > 1}):
            raise yaml.YAMLError(f"{', '.join(twice)} is written twice")
        return super().construct_mapping(node, deep=deep)


def load(path: str | None = None) -> WatchList:
    """The watch list in a YAML file; the example that comes with the package when there is no path.

    Raises InvalidInput: there is no such file, or it is not a watch list.
    """
    file = Path(path) if path else Path(str(resources("vidrank_assets.capture"))) / "watch_lists" / "example.yaml"
    try:
        # The loader is a SafeLoader.
        written = yaml.load(file.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506
    except OSError as unread:
        raise InvalidInput(
            f"VIDRANK_WATCH_LIST must be the path of a YAML file; {file} cannot be read: {unread.strerror}."
        ) from None
    except (yaml.YAMLError, ValueError) as broken:
        told = " ".join(str(broken).split())
        raise InvalidInput(f"a watch list must be YAML, with handles in quotes; {file} is not: {told}.") from None
    try:
        niches = _File.model_validate(written).niches
    except ValidationError as broken:
        raise InvalidInput(_sentence(file, broken)) from None
    return WatchList(
        tuple(ChannelEntry(name, each) for name, niche in niches.items() for each in niche.channels),
        tuple(HandleEntry(name, each) for name, niche in niches.items() for each in niche.handles),
        tuple(QueryEntry(name, each) for name, niche in niches.items() for each in niche.queries),
    )


def _sentence(file: Path, broken: ValidationError) -> str:
    first = broken.errors()[0]
    place = ".".join(str(step) for step in first["loc"]) or "the whole"
    what = first["msg"].removeprefix("Value error, ")
    return (
        "a watch list must have `niches`, each with a name and its channels, handles or queries; "
        f"found at {place}: {what}. Correct {file}."
    )
