"""What a row of an archive must hold to be a capture: text in, typed columns and the first rule it breaks out."""

from datetime import UTC, datetime, time
from typing import NamedTuple

import polars as pl

from vidrank_assets.capture.archive_csv import DAMAGE, DAMAGED, FILE, ROW
from vidrank_assets.capture.archive_values import category_id, counter_value, instant, seconds, tag_list
from vidrank_assets.capture.mapping import FileGroup, Join, Layout
from vidrank_assets.capture.youtube_fields import VIDEO_ID
from vidrank_assets.schema import INSTANT

#: Beside the typed columns: the first rule that the row breaks, null when it breaks none, and what was found there.
REASON, FOUND = "*reason", "*found"
AS_WRITTEN = "*id"

#: No counter of YouTube's has come near a million million.
_ABSURD = 10**12
#: The first video; nothing can have been published or captured before.
_FIRST_VIDEO = datetime(2005, 4, 23, tzinfo=UTC)
_TOO_LATE = datetime(2100, 1, 1, tzinfo=UTC)
#: Here "None" is a title, not a missing one.
_FREE_TEXT = ("title", "description", "channel_title")
_TAGS = pl.List(pl.String)


class Rule(NamedTuple):
    """A rule: the word it is counted under, whether a row breaks it, and what the row holds there."""

    reason: str
    broken: pl.Expr
    found: pl.Expr


def our_texts(rows: pl.DataFrame, layout: Layout) -> list[pl.Expr]:
    """Our columns as text, from theirs: the first of theirs that is not null."""
    expressions = []
    for ours, names in layout.columns.items():
        there = [name.removesuffix("?") for name in names if name.removesuffix("?") in rows.columns]
        nulls = ("",) if ours in _FREE_TEXT else layout.nulls
        texts = [_cleaned(name, nulls) if rows.schema[name] == pl.String else _listed(name, ours) for name in there]
        expressions.append(pl.coalesce(texts or [pl.lit(None, pl.String)]).alias(_text(ours)))
    return expressions


def captures(rows: pl.DataFrame, group: FileGroup, joined: pl.DataFrame | None = None) -> pl.DataFrame:
    """The declared columns of every row, FILE, ROW, AS_WRITTEN, and REASON and FOUND where the row is no capture.

    rows: `archive_files.rows_of` the files of the group. joined: `our_texts` of the file it joins, one row a key.
    """
    told = [pl.col(FILE).str.extract(pattern).alias(_text(ours)) for ours, pattern in group.from_path.items()]
    told += [pl.lit(value).alias(_text(ours)) for ours, value in group.values.items()]
    flags = [
        pl.col(flag).str.to_lowercase().is_in(["true", "1"]).alias(f"*{ours}") for ours, flag in group.hidden.items()
    ]
    texts = rows.select(FILE, ROW, DAMAGE, DAMAGED, *our_texts(rows, group), *told, *flags)
    if group.join is not None and joined is not None:
        texts = texts.join(joined, on=_text(group.join.key), how="left", maintain_order="left")
    declared = group.declared.schema
    texts = texts.with_columns(_tags_apart(texts, group)) if _text("tags") in texts.columns else texts
    absent = [
        pl.lit(None, dtype if dtype == _TAGS else pl.String).alias(_text(name))
        for name, dtype in declared.items()
        if _text(name) not in texts.columns
    ]
    typed = texts.with_columns(absent).with_columns(_typed(name, dtype, group) for name, dtype in declared.items())
    rules = _rules(group, matched="*joined" in texts.columns)
    return typed.with_columns(
        pl.coalesce(pl.when(rule.broken).then(pl.lit(rule.reason)) for rule in rules).alias(REASON),
        pl.coalesce(pl.when(rule.broken).then(rule.found.fill_null("")) for rule in rules).alias(FOUND),
    ).select(
        FILE, ROW, pl.col(_text(group.declared.key[0])).alias(AS_WRITTEN), REASON, FOUND, *_shown(group)
    )  # fmt: skip


def joinable(rows: pl.DataFrame, join: Join) -> pl.DataFrame:
    """The whole rows of a joined file, as our texts, the first of each key, with a mark that they are there."""
    whole = rows.filter(pl.col(DAMAGE).is_null()).select(*our_texts(rows, join), pl.lit(True).alias("*joined"))
    return whole.drop_nulls(_text(join.key)).unique(_text(join.key), keep="first", maintain_order=True)


def _text(ours: str) -> str:
    return f"text {ours}"


def _listed(name: str, ours: str) -> pl.Expr:
    """A list stays one for tags; elsewhere it is a text."""
    return pl.col(name) if ours == "tags" else pl.col(name).list.join(", ")


def _cleaned(name: str, nulls: tuple[str, ...]) -> pl.Expr:
    stripped = pl.col(name).str.strip_chars()
    return pl.when(~stripped.is_in(nulls)).then(stripped)


def _tags_apart(texts: pl.DataFrame, group: FileGroup) -> pl.Expr:
    """The tags of a cell as a list: as it is, or a text apart at the separator."""
    tags = pl.col(_text("tags"))
    return tags if texts.schema[_text("tags")] == _TAGS else tags.str.split(group.tags.separator)


def _typed(name: str, dtype: pl.DataType, group: FileGroup) -> pl.Expr:
    """A declared column from its text; null where the text says nothing, or nothing that can be read."""
    text = pl.col(_text(name))
    if dtype == INSTANT:
        clock = group.clock if name == "captured_at" else time(0)
        value = instant(text, group.times.get(name), clock)
        if name == "captured_at":
            value = pl.when(value.is_between(_FIRST_VIDEO, _TOO_LATE)).then(value)
    elif name == "duration_sec":
        value = seconds(text)
    elif dtype == pl.Int64:
        value = counter_value(text)
    elif name == "tags":
        value = tag_list(text, group.tags.quote)
    elif name == "category_id":
        value = category_id(text)
    elif name in group.escaped_newlines:
        value = text.str.replace_all(r"\n", "\n", literal=True)
    else:
        value = text
    return value.cast(dtype).alias(name)


def _shown(group: FileGroup) -> list[pl.Expr]:
    """The declared columns, a counter null where the source did not see it."""
    shown = []
    for name in group.declared.schema:
        value = pl.col(name)
        if name in group.hidden:
            value = pl.when(~pl.col(f"*{name}").fill_null(False)).then(value)
        if name in group.zero_is_hidden:
            value = pl.when(value != 0).then(value)
        if name == "view_count":
            # Live streams and films hide their views, and collectors then write 0; a like needs a viewer.
            value = pl.when(~((value == 0) & (pl.col("like_count") > 0)).fill_null(False)).then(value)
        shown.append(value.alias(name))
    return shown


def _rules(group: FileGroup, *, matched: bool) -> list[Rule]:
    """Every rule, in the order in which a row is judged."""
    damages = ("ragged_row", "cut_row", "wrong_encoding", "unreadable_line")
    rules = [Rule(damage, pl.col(DAMAGE) == damage, pl.col(DAMAGED).str.head(200)) for damage in damages]
    if group.table == "snapshots":
        video_id = pl.col(_text("video_id"))
        rules.append(Rule("invalid_video_id", ~video_id.str.contains(VIDEO_ID).fill_null(False), video_id))
    else:
        rules.append(Rule("missing_channel_id", pl.col("channel_id").is_null(), pl.lit("")))
    rules.append(_unreadable("captured_at", "unreadable_capture_time", optional=False))
    if matched and group.join is not None and not group.join.optional:
        rules.append(Rule("no_metadata", pl.col("*joined").is_null(), pl.col(_text(group.join.key))))
    rules += _publication() if group.table == "snapshots" else [_unreadable("channel_created_at", "unreadable_time")]
    for name, dtype in group.declared.schema.items():
        if dtype == pl.Int64 and name != "duration_sec":
            rules += _counter(name)
    if group.table == "snapshots":
        rules.append(_unreadable("duration_sec", "unreadable_duration"))
    return rules


def _publication() -> list[Rule]:
    published, text = pl.col("published_at"), pl.col(_text("published_at"))
    captured = pl.format("published {}, captured {}", text, pl.col("captured_at").dt.strftime("%Y-%m-%dT%H:%M:%SZ"))
    return [
        Rule("missing_publish_time", text.is_null(), text),
        Rule("unreadable_publish_time", published.is_null(), text),
        Rule("implausible_publish_time", published < _FIRST_VIDEO, text),
        Rule("captured_before_published", pl.col("captured_at") <= published, captured),
    ]


def _unreadable(name: str, reason: str, *, optional: bool = True) -> Rule:
    text = pl.col(_text(name))
    broken = pl.col(name).is_null() & text.is_not_null() if optional else pl.col(name).is_null()
    if name == "duration_sec":
        broken = seconds(text, zero_is_null=False).is_null() & text.is_not_null()
    return Rule(reason, broken, pl.format("{}={}", pl.lit(name), text))


def _counter(name: str) -> list[Rule]:
    text, value = pl.col(_text(name)), pl.col(name)
    found = pl.format("{}={}", pl.lit(name), text)
    return [
        Rule("unreadable_counter", ~text.str.contains(r"^[+-]?\d+(\.0*)?$"), found),
        Rule("negative_counter", text.str.starts_with("-") & (value != 0), found),
        Rule("absurd_counter", text.is_not_null() & (value.is_null() | (value > _ABSURD)), found),
    ]
