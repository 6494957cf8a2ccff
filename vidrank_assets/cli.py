"""`vidrank demo · import · backfill · leaderboard · compare · runs · show · …`: thin commands over the jobs."""

import json
from pathlib import Path
from typing import Annotated, Any, cast

import polars as pl
import typer

from vidrank_assets.catalog import SOURCES
from vidrank_assets.terminal import app, command, console, print_table, report

__all__ = ["app"]

Horizon = Annotated[str | None, typer.Option(help="7d, 14d, 21d or 30d; all when left out")]
Strategy = Annotated[str | None, typer.Option(help="concat, sum_pool or max_pool; all when left out")]


@command
def demo(
    live_stand_in: Annotated[
        bool, typer.Option("--live-stand-in", help="instead, capture three days from a stand-in for the Data API")
    ] = False,
) -> None:
    """Run the whole graph on the synthetic sample world: four horizons, the concat strategy."""
    if live_stand_in:
        from vidrank_assets.live_demo import capture_three_days

        console.print("[bold]vidrank[/bold] captures from a stand-in for the Data API: what it says is synthetic\n")
        home = capture_three_days(report)
        report(f"Look at them: DAGSTER_HOME={home} make ui")
        return
    from vidrank_assets import recorded
    from vidrank_assets.runs import chosen_cells, opened_store, runner

    console.print("[bold]vidrank[/bold] on the [bold]synthetic[/bold] sample world\n")
    sample = cast(Any, SOURCES.load("sample"))()
    with runner(report) as runs:
        runs.capture(sample, {})
        horizons, _ = chosen_cells(None, None)
        run_id = runs.backfill(horizons, ["concat"])
    leaderboard(strategy="concat")
    store = opened_store()
    for folder in recorded.cells_of(store, run_id):
        report(f"Report: {store.uri(folder)}/report.html")
    report(f"All side by side: {store.uri(recorded.SNAPSHOTS)}/run_id={run_id}/comparison/comparison.html")
    console.print("Look next: [bold]make ui[/bold], then http://127.0.0.1:3000 → Assets → leaderboard")


@command
def import_(
    folder: Annotated[Path, typer.Argument(help="folder of CSV or Parquet captures", exists=True, file_okay=False)],
    mapping: Annotated[str, typer.Option(help="a shipped mapping, or the path of a YAML file of your own")],
) -> None:
    """Fill the daily partitions with the captures of an archive."""
    from vidrank_assets.assets.capture import opened
    from vidrank_assets.runs import runner

    options = {"folder": str(folder.resolve()), "mapping": mapping}
    archive = opened("archive", options)
    with runner(report) as runs:
        n_days = runs.capture(archive, options)
    rejected = archive.snapshots(archive.days()).rejected["reason"].value_counts(sort=True)
    reasons = ", ".join(f"{rows} {reason}" for reason, rows in rejected.iter_rows()) or "none"
    report(f"{n_days} days captured. Rejected rows: {reasons}; each is in the asset rejected_captures.")


@command
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
    print_table(
        budget.with_columns(pl.format("{} %", (100 * pl.col("share_of_day")).round(1)).alias("share_of_day")), "Units"
    )
    report(f"It would end at about {ends_at:%H:%M} UTC. Channels never captured may need more pages than planned.")
    if dry_run:
        return
    with runner(report) as runs:
        (day,) = source.days()
        runs.capture(source, options)
        report(runs.said_of("snapshots", day))


@command
def doctor(yes: Annotated[bool, typer.Option("--yes", help="agree to what costs quota")] = False) -> None:
    """Look at everything that a capture needs, and say what is missing and how to get it."""
    from vidrank_assets.doctor import findings
    from vidrank_assets.runs import opened_store
    from vidrank_assets.settings import Settings

    marks, n_faults = {True: "well", False: "FAULT", None: "-"}, 0
    for about, well, said in findings(opened_store(), Settings(), ask=lambda what: yes or typer.confirm(what)):
        report(f"{marks[well]:<6} {about:<22} {said}")
        n_faults += well is False
    if n_faults:
        raise typer.Exit(1)


@command
def forget(
    channel: Annotated[str, typer.Argument(help="its id; its title where a source has no ids")],
) -> None:
    """Remove a channel and all its videos from everything that is stored, whatever their source and age."""
    from vidrank_assets.runs import opened_store, runner

    with runner(report) as runs:
        removed = runs.forget(opened_store(), channel)
    report(", ".join(f"{place}: {n}" for place, n in sorted(removed.items())) or f"nothing names {channel}.")
    report("Take it off the watch list too, and out of what you import: no list of forgotten channels is kept.")


@command
def import_analytics(
    file: Annotated[
        Path, typer.Argument(help="CSV with video_id, impressions, ctr, or YouTube Studio's export", dir_okay=False)
    ],
) -> None:
    """Take the click-through rates of your own videos: of two that have one, it says which won, and not views."""
    from vidrank_assets.runs import runner

    with runner(report) as runs:
        report(runs.import_analytics(file))


@command
def import_fused(
    manifest: Annotated[Path, typer.Argument(help="a fused_manifest.parquet with its shards", dir_okay=False)],
    strategy: Annotated[str, typer.Option(help="the strategy to take from it")] = "concat",
) -> None:
    """Take the fused vectors that another system wrote, in the place of our own."""
    from vidrank_assets.runs import runner

    with runner(report) as runs:
        runs.fuse(strategy, foreign_manifest=manifest)


@command
def tune_encoder(
    horizon: Annotated[str, typer.Option(help="7d, 14d, 21d or 30d: whose pairs it learns from")] = "7d",
    last_blocks: Annotated[int, typer.Option(help="blocks of the vision model that are trained", min=1)] = 4,
    all_: Annotated[bool, typer.Option("--all", help="train the whole of it")] = False,
    model: Annotated[
        str | None, typer.Option(help="a CLIP model by name or folder; VIDRANK_CLIP_MODEL at first")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="times that training goes over all pairs, at most", min=1)] = None,
    seeing_epochs: Annotated[
        int | None, typer.Option(help="times that it first goes over all pictures alone, for random weights", min=0)
    ] = None,
) -> None:
    """Train the image encoder from pixels on pairs; run again after a kill, it goes on where it was."""
    from vidrank_assets.runs import runner

    given = {"model": model, "max_epochs": epochs, "seeing_epochs": seeing_epochs}
    config: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    config["last_blocks"] = None if all_ else last_blocks
    with runner(report) as runs:
        for line in runs.tune_encoder(horizon, config):
            report(line)


@command
def backfill(horizon: Horizon = None, strategy: Strategy = None) -> None:
    """Refresh, fuse, train and compare, for one horizon or all and one strategy or all; no daemon is needed."""
    from vidrank_assets.runs import chosen_cells, runner

    horizons, strategies = chosen_cells(horizon, strategy)
    with runner(report) as runs:
        run_id = runs.backfill(horizons, strategies)
    leaderboard(horizon=horizon, strategy=strategy)
    report(f"recorded as run {run_id}: vidrank show {run_id}")


@command
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
        print_table(printed(table), titled(table))


@command
def compare(
    pictures: Annotated[
        list[Path], typer.Argument(help="thumbnails; one with several titles, or 2 to 10", dir_okay=False)
    ],
    title: Annotated[list[str], typer.Option(help="of all of them, or given once for each")],
    channel: Annotated[str, typer.Option(help="id of the channel that would publish the video")],
    horizon: Annotated[str, typer.Option(help="7d, 14d, 21d or 30d")] = "7d",
    strategy: Annotated[str, typer.Option(help="concat, sum_pool or max_pool")] = "concat",
    picture: Annotated[Path, typer.Option(help="where a picture of them side by side is put")] = Path("compare.png"),
) -> None:
    """Rank thumbnails and titles of one video by the pairwise ranker trained last, and say how sure that is."""
    from vidrank_assets.runs import chosen_cells, opened_store, runner
    from vidrank_assets.variant_comparison import compared, variants_of

    chosen_cells(horizon, strategy)
    variants = variants_of(pictures, title)
    with runner(report) as runs:
        answer = compared(runs.instance, opened_store(), variants, channel=channel, horizon=horizon, strategy=strategy)
    print_table(answer.table, answer.about)
    report(answer.verdict)
    report(answer.note)
    picture.write_bytes(answer.picture())
    report(f"Side by side: {picture}")


@command
def runs() -> None:
    """List the runs that were recorded, newest first."""
    from vidrank_assets import recorded
    from vidrank_assets.runs import opened_store

    print_table(recorded.runs(opened_store()), "Recorded runs")


@command
def show(run_id: Annotated[str, typer.Argument(help="as vidrank runs lists it")]) -> None:
    """Print the leaderboards of a recorded run, what it was made with, and where its reports are."""
    from vidrank_assets import recorded
    from vidrank_assets.runs import opened_store
    from vidrank_assets.selection.leaderboard import printed, titled

    store = opened_store()
    for folder in recorded.cells_of(store, run_id):
        with recorded.opened(store, folder) as snapshot:
            print_table(printed(snapshot.leaderboard), titled(snapshot.leaderboard))
            versions = ", ".join(f"{name} {found}" for name, found in snapshot.config["packages"].items())
            commit = f" at {snapshot.config['git_sha']}" if snapshot.config["git_sha"] else ""
            report(f"made {snapshot.made_at:%Y-%m-%d %H:%M} UTC{commit} with {versions}")
            report(f"folder: {store.uri(folder)}\n")


@command
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
            report(f"{titled(again)}: every number is the same to the last digit.")
        else:
            print_table(differing, f"{titled(again)}: {differing.height} numbers came out otherwise")
    if n_differing:
        raise typer.Exit(1)
