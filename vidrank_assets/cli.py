"""`vidrank demo · import · backfill · leaderboard · runs · show · …`: thin commands over the jobs."""

import json
from collections.abc import Callable
from functools import partial, wraps
from pathlib import Path
from typing import Annotated, Any, ParamSpec, cast

import polars as pl
import typer
from pydantic import ValidationError
from pydantic_settings import SettingsError
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from vidrank_assets.catalog import SOURCES
from vidrank_assets.errors import VidrankError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Learns how many views a video will have.",
)
_console = Console(highlight=False, width=max(Console().width, 200))
P = ParamSpec("P")
_report = partial(_console.print, markup=False, soft_wrap=True)  # what a run says may hold square brackets

Horizon = Annotated[str | None, typer.Option(help="7d, 14d, 21d or 30d; all when left out")]
Strategy = Annotated[str | None, typer.Option(help="concat, sum_pool or max_pool; all when left out")]


def _command(act: Callable[P, None]) -> Callable[P, None]:
    """Registers a command. A fault that vidrank names is one sentence and exit status 1, not a traceback."""

    @app.command(name=act.__name__.rstrip("_").replace("_", "-"))
    @wraps(act)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            act(*args, **kwargs)
        except VidrankError as fault:
            _console.print(f"[red]{type(fault).__name__}[/red]: {escape(str(fault))}", soft_wrap=True)
            raise typer.Exit(1) from None
        except SettingsError as fault:
            _console.print(f"[red]InvalidSetting[/red]: {escape(str(fault))}; it must be JSON.", soft_wrap=True)
            raise typer.Exit(1) from None
        except ValidationError as fault:
            for wrong in fault.errors():
                name = "_".join(("VIDRANK", *(str(part) for part in wrong["loc"]))).upper()
                said = escape(f"{wrong['msg']}; got {wrong['input']!r}")
                _console.print(f"[red]InvalidSetting[/red]: {name}: {said}.", soft_wrap=True)
            raise typer.Exit(1) from None

    return run


@_command
def demo(
    live_stand_in: Annotated[
        bool, typer.Option("--live-stand-in", help="instead, capture three days from a stand-in for the Data API")
    ] = False,
) -> None:
    """Run the whole graph on the synthetic sample world: four horizons, the concat strategy."""
    if live_stand_in:
        from vidrank_assets.live_demo import capture_three_days

        _console.print("[bold]vidrank[/bold] captures from a stand-in for the Data API: what it says is synthetic\n")
        home = capture_three_days(_report)
        _report(f"Look at them: DAGSTER_HOME={home} make ui")
        return
    from vidrank_assets import recorded
    from vidrank_assets.runs import chosen_cells, opened_store, runner

    _console.print("[bold]vidrank[/bold] on the [bold]synthetic[/bold] sample world\n")
    sample = cast(Any, SOURCES.load("sample"))()
    with runner(_report) as runs:
        runs.capture(sample, {})
        horizons, _ = chosen_cells(None, None)
        run_id = runs.backfill(horizons, ["concat"])
    leaderboard(strategy="concat")
    store = opened_store()
    for folder in recorded.cells_of(store, run_id):
        _report(f"Report: {store.uri(folder)}/report.html")
    _report(f"All side by side: {store.uri(recorded.SNAPSHOTS)}/run_id={run_id}/comparison/comparison.html")
    _console.print("Look next: [bold]make ui[/bold], then http://127.0.0.1:3000 → Assets → leaderboard")


@_command
def import_(
    folder: Annotated[Path, typer.Argument(help="folder of CSV or Parquet captures", exists=True, file_okay=False)],
    mapping: Annotated[str, typer.Option(help="a shipped mapping, or the path of a YAML file of your own")],
) -> None:
    """Fill the daily partitions with the captures of an archive."""
    from vidrank_assets.assets.capture import opened
    from vidrank_assets.runs import runner

    options = {"folder": str(folder.resolve()), "mapping": mapping}
    archive = opened("archive", options)
    with runner(_report) as runs:
        n_days = runs.capture(archive, options)
    rejected = archive.snapshots(archive.days()).rejected["reason"].value_counts(sort=True)
    reasons = ", ".join(f"{rows} {reason}" for reason, rows in rejected.iter_rows()) or "none"
    _console.print(f"{n_days} days captured. Rejected rows: {reasons}; each is in the asset rejected_captures.")


@_command
def capture(
    watch_list: Annotated[
        Path | None, typer.Option(help="YAML of channels, handles and queries; VIDRANK_WATCH_LIST when left out")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only say what it would cost")] = False,
) -> None:
    """Capture today from the YouTube Data API, or go on with a capture that was stopped."""
    from vidrank_assets.runs import opened_store, runner

    options = {"watch_list": str(watch_list.resolve())} if watch_list else {}
    source = cast(Any, SOURCES.load("youtube_api"))(opened_store(), **options)
    budget, ends_at = source.budget(), source.now + source.plan().duration
    _print(
        budget.with_columns(pl.format("{} %", (100 * pl.col("share_of_day")).round(1)).alias("share_of_day")), "Units"
    )
    _report(f"It would end at about {ends_at:%H:%M} UTC. Channels never captured may need more pages than planned.")
    if dry_run:
        return
    with runner(_report) as runs:
        (day,) = source.days()
        runs.capture(source, options)
        _report(runs.said_of("snapshots", day))


@_command
def doctor(yes: Annotated[bool, typer.Option("--yes", help="agree to what costs quota")] = False) -> None:
    """Look at everything that a capture needs, and say what is missing and how to get it."""
    from vidrank_assets.doctor import findings
    from vidrank_assets.runs import opened_store
    from vidrank_assets.settings import Settings

    marks, n_faults = {True: "well", False: "FAULT", None: "-"}, 0
    for about, well, said in findings(opened_store(), Settings(), ask=lambda what: yes or typer.confirm(what)):
        _report(f"{marks[well]:<6} {about:<22} {said}")
        n_faults += well is False
    if n_faults:
        raise typer.Exit(1)


@_command
def forget(
    channel: Annotated[str, typer.Argument(help="its id; its title where a source has no ids")],
) -> None:
    """Remove a channel and all its videos from everything that is stored, whatever their source and age."""
    from vidrank_assets.runs import opened_store, runner

    with runner(_report) as runs:
        removed = runs.forget(opened_store(), channel)
    _report(", ".join(f"{place}: {n}" for place, n in sorted(removed.items())) or f"nothing names {channel}.")
    _report("Take it off the watch list too, or it is captured again.")


@_command
def import_fused(
    manifest: Annotated[Path, typer.Argument(help="a fused_manifest.parquet with its shards", dir_okay=False)],
    strategy: Annotated[str, typer.Option(help="the strategy to take from it")] = "concat",
) -> None:
    """Take the fused vectors that another system wrote, in the place of our own."""
    from vidrank_assets.runs import runner

    with runner(_report) as runs:
        runs.fuse(strategy, foreign_manifest=manifest)


@_command
def backfill(horizon: Horizon = None, strategy: Strategy = None) -> None:
    """Refresh, fuse, train and compare, for one horizon or all and one strategy or all; no daemon is needed."""
    from vidrank_assets.runs import chosen_cells, runner

    horizons, strategies = chosen_cells(horizon, strategy)
    with runner(_report) as runs:
        run_id = runs.backfill(horizons, strategies)
    leaderboard(horizon=horizon, strategy=strategy)
    _report(f"recorded as run {run_id}: vidrank show {run_id}")


@_command
def leaderboard(
    horizon: Horizon = None,
    strategy: Strategy = None,
    as_json: Annotated[bool, typer.Option("--json", help="every column, as JSON")] = False,
) -> None:
    """Print the latest leaderboards."""
    from vidrank_assets import recorded
    from vidrank_assets.runs import chosen_cells, opened_store
    from vidrank_assets.selection.leaderboard import printed, titled

    tables = recorded.leaderboards(opened_store(), *chosen_cells(horizon, strategy))
    if as_json:
        typer.echo(json.dumps([row for table in tables for row in table.to_dicts()], indent=1))
        return
    for table in tables:
        _print(printed(table), titled(table))


@_command
def runs() -> None:
    """List the runs that were recorded, newest first."""
    from vidrank_assets import recorded
    from vidrank_assets.runs import opened_store

    _print(recorded.runs(opened_store()), "Recorded runs")


@_command
def show(run_id: Annotated[str, typer.Argument(help="as vidrank runs lists it")]) -> None:
    """Print the leaderboards of a recorded run, what it was made with, and where its reports are."""
    from vidrank_assets import recorded
    from vidrank_assets.runs import opened_store
    from vidrank_assets.selection.leaderboard import printed, titled

    store = opened_store()
    for folder in recorded.cells_of(store, run_id):
        with recorded.opened(store, folder) as snapshot:
            _print(printed(snapshot.leaderboard), titled(snapshot.leaderboard))
            versions = ", ".join(f"{name} {found}" for name, found in snapshot.config["packages"].items())
            commit = f" at {snapshot.config['git_sha']}" if snapshot.config["git_sha"] else ""
            _report(f"made {snapshot.made_at:%Y-%m-%d %H:%M} UTC{commit} with {versions}")
            _report(f"folder: {store.uri(folder)}\n")


@_command
def retrain_run(run_id: Annotated[str, typer.Argument(help="as vidrank runs lists it")]) -> None:
    """Train a recorded run again, as its folders say, and tell whether the same numbers come out; nothing is stored."""
    from vidrank_assets import recorded
    from vidrank_assets.retraining import retrained
    from vidrank_assets.runs import opened_store
    from vidrank_assets.selection.leaderboard import titled
    from vidrank_assets.selection.run_record import differing_numbers

    store, n_differing = opened_store(), 0
    for folder in recorded.cells_of(store, run_id):
        with recorded.opened(store, folder) as snapshot:
            again = retrained(store, snapshot.config, run_id=run_id)
            differing = differing_numbers(snapshot.leaderboard, again)
        n_differing += differing.height
        if differing.is_empty():
            _report(f"{titled(again)}: every number is the same to the last digit.")
        else:
            _print(differing, f"{titled(again)}: {differing.height} numbers came out otherwise")
    if n_differing:
        raise typer.Exit(1)


def _print(rows: pl.DataFrame, title: str) -> None:
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD)
    for name, dtype in rows.schema.items():
        table.add_column(name, justify="right" if dtype.is_numeric() else "left", no_wrap=True)
    for row in rows.iter_rows():
        table.add_row(*("" if value is None else str(value) for value in row))
    _console.print(table)
