"""Runs of the jobs in this process, on the instance that the UI shows: what the command line is made of."""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from socket import gethostname
from time import monotonic
from typing import Any
from uuid import uuid4

import dagster as dg
import psutil

from vidrank_assets.assets.encoder_tuning import said_of_tuned_encoder
from vidrank_assets.assets.io_managers import latest_metadata
from vidrank_assets.assets.resources import store_resource
from vidrank_assets.assets.run_id import BACKFILL
from vidrank_assets.assets.upkeep import forget_channel
from vidrank_assets.capture.base import Source
from vidrank_assets.catalog import FUSIONS
from vidrank_assets.definitions import definitions
from vidrank_assets.errors import InvalidInput, VidrankError
from vidrank_assets.horizons import HORIZONS
from vidrank_assets.settings import Settings
from vidrank_assets.storage import Storage

_CAPTURE_OPS = ("captured_videos", "channel_snapshots", "thumbnails")
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
#: The tag of a run that says which process it runs in: host, process id, and when that process began.
_PROCESS = "vidrank/process"


@dataclass(frozen=True)
class Runner:
    """Runs jobs one after the other, and says of each what it was and how long it took."""

    instance: dg.DagsterInstance
    report: Callable[[str], None]

    def capture(self, source: Source, options: Mapping[str, str]) -> int:
        """Capture every day the source has, each unbroken stretch of days as one run; returns the number of days.

        Raises InvalidInput: the source has days before the first daily partition, or none at all.
        """
        days = _capturable(source)
        config = {"config": {"source": source.name, "options": dict(options)}}
        for stretch in _unbroken(days):
            first, last = stretch[0].isoformat(), stretch[-1].isoformat()
            tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
            self._run("capture_day", f"{first} … {last}", tags=tags, ops=dict.fromkeys(_CAPTURE_OPS, config))
        return len(days)

    def backfill(self, horizons: Sequence[str], strategies: Sequence[str]) -> str:
        """Fuse some strategies, refresh some horizons, train every family on each pair of them, and compare them all.

        Returns the run id that all of it shares. A horizon that cannot be learned yet stops no other: the rest is made,
        and then its fault is raised.
        """
        run_id = uuid4().hex[:12]
        for strategy in strategies:
            self.fuse(strategy)
        faults = [fault for horizon in horizons if (fault := self._horizon(horizon, strategies, run_id))]
        if len(faults) < len(horizons):
            self._run("compare", "all leaderboards", tags={BACKFILL: run_id})
        if faults:
            raise faults[0]
        return run_id

    def _horizon(self, horizon: str, strategies: Sequence[str], run_id: str) -> VidrankError | None:
        try:
            self._run("refresh_targets", horizon, partition_key=horizon)
            for strategy in strategies:
                cell = dg.MultiPartitionKey({"strategy": strategy, "horizon": horizon})
                self._run("train_suite", f"{strategy} × {horizon}", partition_key=cell, tags={BACKFILL: run_id})
        except VidrankError as fault:
            self.report(f"{horizon} was left out: {fault}")
            return fault
        return None

    def fuse(self, strategy: str, *, foreign_manifest: Path | None = None) -> None:
        """Fuse one strategy, or take the fused vectors that another system wrote."""
        config = {"foreign_manifest": str(foreign_manifest.resolve())} if foreign_manifest else {}
        self._run("fuse", strategy, partition_key=strategy, ops={"fused_embeddings": {"config": config}})

    def import_analytics(self, file: Path) -> str:
        """Add the click-through rates of a CSV file to what is stored, and say how many were taken and set aside.

        Raises InvalidInput: the file lacks a column or has no row that can be used; what was stored stays.
        """
        config = {"config": {"file": str(file.resolve())}}
        self._run("import_analytics", file.name, ops={"imported_analytics": config})
        told = latest_metadata(self.instance, dg.AssetKey("video_analytics"), [""])[""]
        return (
            f"{told['videos_imported']} videos imported, {told['videos_new']} of them new, of "
            f"{told['dagster/row_count']} in all; {told['rows_set_aside']} rows set aside: {told['set_aside_for']}. "
            "Pairs are judged by them from the next vidrank backfill on."
        )

    def tune_encoder(self, horizon: str, config: Mapping[str, Any]) -> Sequence[str]:
        """Tune the image encoder on the pairs of a horizon, and say what came of it, a line each.

        config: what differs from the defaults of `EncoderTuningConfig`.
        """
        chosen(horizon, HORIZONS, "horizon")
        self._run("tune_encoder", horizon, partition_key=horizon, ops={"tuned_encoder": {"config": dict(config)}})
        return said_of_tuned_encoder(self.instance, horizon)

    def forget(self, store: Storage, channel_id: str) -> dict[str, int]:
        """Remove a channel from the store, and say how many rows and files went, by place."""
        forgotten = forget_channel(self.instance, store, channel_id)
        return dict(Counter(forgotten.removed) + Counter(forgotten.files))

    def said_of(self, asset: str, day: date) -> str:
        """What the latest materialization of a day says of itself, on one line."""
        latest = latest_metadata(self.instance, dg.AssetKey(asset), [day.isoformat()])[day.isoformat()]
        figures = {name: value for name, value in latest.items() if isinstance(value, str | int) and "/" not in name}
        return f"{day}: " + ", ".join(f"{name} {value}" for name, value in figures.items() if name != "sha256")

    def _run(
        self,
        job: str,
        what: str,
        *,
        ops: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
        **options: Any,
    ) -> None:
        started = monotonic()
        try:
            _loaded().resolve_job_def(job).execute_in_process(
                instance=self.instance,
                run_config={**_QUIET, "ops": dict(ops or {})},
                tags={_PROCESS: _name_of(psutil.Process()), **(tags or {})},
                **options,
            )
        except dg.Failure as failure:
            raise failure.__cause__ if isinstance(failure.__cause__, VidrankError) else failure from None
        self.report(f"{job:<16} {what:<26} {monotonic() - started:6.1f} s")


def opened_store() -> Storage:
    """The store that the settings name."""
    return store_resource(Settings()).open()


@cache
def _loaded() -> dg.Definitions:
    return definitions()


@contextmanager
def runner(report: Callable[[str], None]) -> Iterator[Runner]:
    """A runner on the instance of `DAGSTER_HOME`, which is `dagster_home` here when the variable is not set.

    Raises InvalidInput: there is no instance there.
    """
    home = Path(os.environ.setdefault("DAGSTER_HOME", str(Path("dagster_home").resolve())))
    if not (home / "dagster.yaml").is_file():
        raise InvalidInput(
            f"DAGSTER_HOME must be a folder with a dagster.yaml; {home} has none. "
            "Run vidrank where the project is, or copy dagster_home/dagster.yaml to a folder of your own and name that."
        )
    with dg.DagsterInstance.get() as instance:
        _end_killed_runs(instance)
        opened_store().sweep(now=datetime.now(UTC))
        yield Runner(instance, report)


def _end_killed_runs(instance: dg.DagsterInstance) -> None:
    """Say of runs whose process was killed that they failed, and give back the pool slots they held.

    Nobody else does, for the daemon watches only runs that it launched: every later run would wait for the slots.
    """
    for run in instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])):
        process = run.tags.get(_PROCESS, "")
        if process.startswith(f"{gethostname()} ") and not _is_alive(process):
            instance.report_run_failed(run, "The process of this run was killed. Run it again.")
            instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)


def _name_of(process: psutil.Process) -> str:
    return f"{gethostname()} {process.pid} {process.create_time():.2f}"


def _is_alive(process: str) -> bool:
    try:
        return _name_of(psutil.Process(int(process.split()[1]))) == process
    except psutil.NoSuchProcess:
        return False


def _capturable(source: Source) -> Sequence[date]:
    days, first = source.days(), Settings().first_day
    if not days:
        raise InvalidInput(f"{source.name} must have captures of at least one day; it has none. Check its mapping.")
    if days[0] < first:
        raise InvalidInput(
            f"captures must not be older than the first daily partition, {first}; the oldest is of {days[0]}. "
            f"Set VIDRANK_FIRST_DAY={days[0]}, for this command and for the UI."
        )
    return days


def _unbroken(days: Sequence[date]) -> list[list[date]]:
    """The days, cut wherever one is missing."""
    stretches: list[list[date]] = []
    for day in days:
        if stretches and day - stretches[-1][-1] == timedelta(days=1):
            stretches[-1].append(day)
        else:
            stretches.append([day])
    return stretches


def chosen(name: str | None, among: Mapping[str, Any], kind: str) -> list[str]:
    """The one that is named, or all when none is.

    Raises InvalidInput: there is no such name.
    """
    if name is not None and name not in among:
        raise InvalidInput(f"{kind} must be one of: {', '.join(among)}; got {name!r}.")
    return [name] if name else list(among)


def chosen_cells(horizon: str | None, strategy: str | None) -> tuple[list[str], list[str]]:
    """The horizons and the strategies that a command is about."""
    return chosen(horizon, HORIZONS, "horizon"), chosen(strategy, FUSIONS.entries, "fusion strategy")
