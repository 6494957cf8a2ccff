"""A store with something of the Data API in every place it is copied to, beside an archive and one's own channel."""

import gzip
import json
import shutil
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest

from vidrank_assets import files
from vidrank_assets.capture.remembered import THUMBNAIL_CHECKS, VIDEO_CATALOGUE
from vidrank_assets.features.embedding import part_name
from vidrank_assets.storage import Storage
from vidrank_assets.tables import PAIRED_FEATURES, TABLES
from vidrank_assets.upkeep import changes

DAY_0 = datetime(2026, 3, 1, 5, tzinfo=UTC)
LATER = DAY_0 + timedelta(days=27)
OTHER, OWN, ARCHIVED = "UCother-channel", "UCown-channel", "UCarchive-channel"
#: Captured on day 0 only; on day 0 and again, with a new title, on day 27; of one's own channel; of an archive.
OLD, SEEN_AGAIN, MINE, FROM_ARCHIVE = "apiOldVid01", "apiNewVid02", "ownVideo003", "arcVideo004"
VIDEOS = (OLD, SEEN_AGAIN, MINE, FROM_ARCHIVE)
CHANNEL = {OLD: OTHER, SEEN_AGAIN: OTHER, MINE: OWN, FROM_ARCHIVE: ARCHIVED}
TITLE = {OLD: "Melody alpha", SEEN_AGAIN: "Early beta", MINE: "Mine gamma", FROM_ARCHIVE: "Archive delta"}
NEW_TITLE = "Late beta"
SOURCE = {video: "archive" if video == FROM_ARCHIVE else "youtube_api" for video in VIDEOS}


def rows_of(schema, **columns):
    """A declared table with those columns filled and the others null."""
    n = len(next(iter(columns.values())))
    return pl.DataFrame({name: pl.Series(columns.get(name, [None] * n), dtype=t) for name, t in schema.items()})


def table(name, **columns):
    return rows_of(TABLES[name].schema, **columns)


def picture_of(video):
    return f"picture of {video}".encode()


def hash_of(content):
    return sha256(content if isinstance(content, bytes) else content.encode()).hexdigest()


def day(at):
    return f"day={at:%Y-%m-%d}"


@pytest.fixture(scope="session")
def planted_once(tmp_path_factory) -> Storage:
    return plant(Storage(str(tmp_path_factory.mktemp("planted") / "store")))


@pytest.fixture
def planted(planted_once, tmp_path) -> Storage:
    return _copied(planted_once, tmp_path / "store")


@pytest.fixture
def there() -> SimpleNamespace:
    """What is planted, and how to look for it."""
    return SimpleNamespace(**globals())


class Killed(BaseException):
    """The process is gone."""


@pytest.fixture
def each_killed(planted, tmp_path, monkeypatch):
    """An upkeep of the planted store, killed before each of its steps and done again.

    Asserts that it comes to the same end each time, and that what is told last of each table and folder is what that
    then holds, so that a reader who compares finds no other bytes. Returns what is told of.
    """
    monkeypatch.setattr(files, "_flush", lambda _: None)  # a killed process loses nothing that a power cut would

    def ends_alike(upkeep, *, every=1):
        whole = _copied(planted, tmp_path / "whole")
        told: list[Any] = []
        upkeep(whole, lambda *each: told.append(each))
        expected, names = contents(whole), {each[2].key for each in told}
        n_steps, ended = 0, False
        while not ended:
            store = _copied(planted, tmp_path / f"killed-{n_steps}")
            told.clear()
            ended = _killed(upkeep, store, told, n_steps, monkeypatch)
            upkeep(store, lambda *each: told.append(each))
            assert contents(store) == expected, n_steps
            last = {each[2].key: each[2].sha256 for each in told}
            assert set(last) == names
            assert last == {key: _sha256(store, key) for key in names}, n_steps
            n_steps += every
        assert n_steps > 40
        return names

    return ends_alike


def _copied(store, folder):
    shutil.copytree(store.root, folder)
    return Storage(str(folder))


def _sha256(store, key):
    return hash_of(store.read(key if key.endswith(".parquet") else f"{key}/checksums.json"))


def _killed(upkeep, store, told, n_steps, monkeypatch):
    """Whether the upkeep had ended before its n-th write, removal or telling, at which it is killed."""
    left = [n_steps]

    def counted(act):
        def step(*args, **kwargs):
            if left[0] == 0:
                raise Killed
            left[0] -= 1
            return act(*args, **kwargs)

        return step

    with monkeypatch.context() as patched:
        for name in ("write", "write_table", "write_shard"):
            patched.setattr(Storage, name, counted(getattr(Storage, name)))
        patched.setattr(changes, "remove", counted(changes.remove))
        try:
            upkeep(store, counted(lambda *each: told.append(each)))
        except Killed:
            return False
    return True


def plant(store):
    _plant_captures(store)
    _plant_live_source(store)
    _plant_vectors(store)
    _plant_derived(store)
    for run, videos in (("mixed", VIDEOS), ("mine", (MINE,)), ("archived", (FROM_ARCHIVE,))):
        _plant_run(store, run, videos)
    return store


def _snapshots(videos, at, titles):
    return table(
        "snapshots",
        video_id=videos,
        captured_at=[at] * len(videos),
        view_count=[100] * len(videos),
        title=[titles[video] for video in videos],
        description=[f"about {titles[video]}" for video in videos],
        tags=[[f"tag of {titles[video]}"] for video in videos],
        channel_title=[f"name of {CHANNEL[video]}" for video in videos],
        published_at=[DAY_0 - timedelta(days=1)] * len(videos),
        channel_id=[CHANNEL[video] for video in videos],
        source=[SOURCE[video] for video in videos],
    )


def _plant_captures(store):
    def put(name, at, rows):
        store.write_table(f"{name}/{day(at)}/data.parquet", rows)

    again = TITLE | {SEEN_AGAIN: NEW_TITLE}
    before = DAY_0 - timedelta(days=40)
    put("snapshots", before, _snapshots([FROM_ARCHIVE], before, TITLE))
    put("snapshots", DAY_0, _snapshots(VIDEOS, DAY_0, TITLE))
    put("snapshots", LATER, _snapshots([SEEN_AGAIN], LATER, again))
    channels = {"channel_id": [OTHER, OWN, ARCHIVED], "channel_title": [f"name of {c}" for c in (OTHER, OWN, ARCHIVED)]}
    sources = {"source": ["youtube_api", "youtube_api", "archive"], "subscriber_count": [7, 8, 9]}
    put("channel_snapshots", DAY_0, table("channel_snapshots", **channels, **sources, captured_at=[DAY_0] * 3))
    raw = [json.dumps({"id": video, "snippet": {"title": TITLE[video]}}) for video in VIDEOS]
    rejected = {"video_id": VIDEOS, "raw": raw, "source": SOURCE.values(), "reason": ["no_date"] * 4}
    put("rejected_captures", DAY_0, table("rejected_captures", day=[DAY_0.date()] * 4, **rejected))
    pictures = {"image": [picture_of(v) for v in VIDEOS], "content_hash": [hash_of(picture_of(v)) for v in VIDEOS]}
    found = {"captured_at": [DAY_0] * 4, "source": SOURCE.values()}
    put("thumbnails", DAY_0, table("thumbnails", video_id=VIDEOS, **pictures, **found))
    measured = {"content_hash": pictures["content_hash"], "clarity": [0.5] * 4}
    put("thumbnail_scores", DAY_0, table("thumbnail_scores", video_id=VIDEOS, **measured, **found))
    ids, titles = [*VIDEOS, SEEN_AGAIN], [*TITLE.values(), NEW_TITLE]
    put(
        "video_versions",
        DAY_0,
        table(
            "video_versions",
            video_id=ids,
            part=["title"] * 5,
            seen_at=[DAY_0] * 4 + [LATER],
            version=[1] * 4 + [2],
            content_hash=[hash_of(title) for title in titles],
            title=titles,
            source=[SOURCE[video] for video in ids],
        ),
    )
    put("media_files", DAY_0, table("media_files", video_id=[MINE], captured_at=[DAY_0], path=[f"/films/{MINE}.mp4"]))
    clicked = table("video_analytics", video_id=[MINE, FROM_ARCHIVE], impressions=[100, 200], ctr=[0.1, 0.2])
    store.write_table("video_analytics/data.parquet", clicked)


def _plant_live_source(store):
    known = (OLD, SEEN_AGAIN, MINE)
    read_at = [DAY_0, LATER, DAY_0]
    catalogue = rows_of(
        VIDEO_CATALOGUE.schema,
        video_id=known,
        title=[TITLE[OLD], NEW_TITLE, TITLE[MINE]],
        description=[f"about {title}" for title in (TITLE[OLD], NEW_TITLE, TITLE[MINE])],
        channel_id=[CHANNEL[video] for video in known],
        published_at=[DAY_0 - timedelta(days=1)] * 3,
        source=["youtube_api"] * 3,
        first_seen_at=[DAY_0] * 3,
        described_at=read_at,
        metadata_at=read_at,
        captured_at=read_at,
    )
    for slot in ("2026-03-26T00", "2026-03-27T00", "2026-03-28T00"):
        store.write_table(f"youtube_api/video_catalogue/slot={slot}.parquet", catalogue)
        store.write(f"youtube_api/handles/slot={slot}.json", json.dumps({"@other": OTHER, "@own": OWN}).encode())
        store.write(f"youtube_api/slots/slot={slot}.json", b"{}")
    checks = rows_of(
        THUMBNAIL_CHECKS.schema,
        video_id=known,
        thumbnail_url=[f"https://i.ytimg.com/vi/{video}/mqdefault.jpg" for video in known],
        checked_at=[DAY_0, LATER, DAY_0],
        content_hash=[hash_of(picture_of(video)) for video in known],
    )
    store.write_table("youtube_api/thumbnail_checks/day=2026-03-28.parquet", checks)
    page = json.dumps({"items": [{"id": video, "title": TITLE[video]} for video in known]}).encode()
    store.write("youtube_api/pages/slot=2026-03-28T00/abc.json.gz", gzip.compress(page))
    store.write("youtube_api/quota/day=2026-03-28/bucket=shared/1-a", b"")


def _plant_vectors(store):
    items = {
        ("text", "title_ngrams"): [(video, hash_of(TITLE[video])) for video in VIDEOS]
        + [(SEEN_AGAIN, hash_of(NEW_TITLE))],
        ("image", "thumbnail_statistics"): [(video, hash_of(picture_of(video))) for video in VIDEOS],
    }
    places = {}
    for (modality, encoder), contents in items.items():
        matrix = np.arange(2 * len(contents), dtype=np.float32).reshape(-1, 2)
        key = store.write_shard(f"embeddings/{modality}/{encoder}", [v for v, _ in contents], matrix, {modality: 2})
        n = len(contents)
        rows = table(
            "embedding_manifest",
            video_id=[video for video, _ in contents],
            modality=[modality] * n,
            encoder=[f"{encoder}@1"] * n,
            content_hash=[content for _, content in contents],
            shard_key=[key] * n,
            shard_idx=range(n),
            dim=[2] * n,
            captured_at=[DAY_0] * n,
            embedded_at=[DAY_0] * n,
        )
        folder = f"embedding_manifest/modality={modality}/encoder={encoder}"
        store.write_table(f"{folder}/{part_name(rows)}.parquet", rows)
        places[modality] = key
    fused = np.arange(16, dtype=np.float32).reshape(4, 4)
    key = store.write_shard("fused/concat", VIDEOS, fused, {"text": 2, "image": 2})
    store.write_shard("fused/concat", VIDEOS[:2], fused[:2], {"text": 2, "image": 2})  # of an earlier fusion
    rows = table(
        "fused_manifest",
        video_id=VIDEOS,
        fusion_strategy=["concat"] * 4,
        fused_key=[key] * 4,
        shard_idx=range(4),
        fused_dim=[4] * 4,
        **{f"{m}_emb_key": [places[m]] * 4 for m in places},
        **{f"{m}_shard_idx": range(4) for m in places},
        feature_set_version=["concat-1"] * 4,
    )
    store.write_table("fused_embeddings/strategy=concat/data.parquet", rows)


def _plant_derived(store):
    def put(name, rows):
        store.write_table(f"{name}/horizon=7d/data.parquet", rows)

    put(
        "horizon_targets",
        table(
            "horizon_targets",
            video_id=VIDEOS,
            title=TITLE.values(),
            channel_id=CHANNEL.values(),
            first_captured_at=[DAY_0] * 4,
            source=SOURCE.values(),
            target_raw=[1.0, 2.0, 3.0, 4.0],
        ),
    )
    languages = [f"language of {TITLE[video]}" for video in VIDEOS]
    put("metadata_features", table("metadata_features", video_id=VIDEOS, default_language=languages))
    put("split_manifest", table("split_manifest", video_id=VIDEOS, split=["train"] * 4))
    pairs = [(OLD, SEEN_AGAIN), (SEEN_AGAIN, MINE), (MINE, FROM_ARCHIVE)]
    sides = {"video_id_a": [a for a, _ in pairs], "video_id_b": [b for _, b in pairs]}
    later = {"video_id": sides["video_id_b"], "channel_id": ["c"] * 3}
    put("paired_features", rows_of(PAIRED_FEATURES.schema, **sides, **later))
    put("training_pairs", table("training_pairs", **sides, channel_id=["c"] * 3))
    put("ranking_targets", table("ranking_targets", video_id=VIDEOS, channel_id=CHANNEL.values(), ctr=[0.5] * 4))


def _plant_run(store, run, videos):
    of_api = any(SOURCE[video] == "youtube_api" for video in videos)
    predictions, split = BytesIO(), BytesIO()
    pl.DataFrame({"video_id": videos, "title": [TITLE[video] for video in videos]}).write_parquet(predictions)
    table("split_manifest", video_id=videos, split=["train"] * len(videos)).write_parquet(split)
    page = "".join(f"<p>{TITLE[video]}</p>" for video in videos)
    texts = {
        "data_summary.json": json.dumps({"oldest_api_capture_at": DAY_0.isoformat() if of_api else None}),
        "config_used.json": "{}",
        "metrics_summary.json": '{"best": "ridge"}',
        "models/ridge/parameters.json": '{"seed": 3}',
        "models/gbdt/categories.json": json.dumps([CHANNEL[video] for video in videos]),
        "models/gbdt/trees.txt": "tree",
        "report.html": page,
    }
    written = {name: content.encode() for name, content in texts.items()}
    written |= {"predictions/test.parquet": predictions.getvalue(), "split_manifest.parquet": split.getvalue()}
    for level in ("strategy=concat/horizon=7d", "model=ridge/strategy=concat/horizon=7d"):
        folder = f"models/snapshots/run_id={run}/{level}"
        for name, content in written.items():
            store.write(f"{folder}/{name}", content)
        sums = {name: hash_of(content) for name, content in written.items()}
        store.write(f"{folder}/checksums.json", json.dumps(sums).encode())


def texts_in(path: Path) -> str:
    """Everything that a file says: tables and shards read for what they hold, the rest as it is."""
    content = path.read_bytes()
    if path.suffix == ".parquet":
        rows = pl.read_parquet(BytesIO(content), hive_partitioning=False)
        return " ".join(repr(row) for row in rows.iter_rows())
    if path.suffix == ".npz":
        with np.load(BytesIO(content)) as arrays:
            return " ".join(arrays["video_ids"].tolist())
    return (gzip.decompress(content) if path.suffix == ".gz" else content).decode(errors="replace")


def files_with(store, *words) -> dict[str, list[str]]:
    """By word, the files below the store's root that it occurs in, by name or by content."""
    root = Path(store.root)
    said = {str(path.relative_to(root)): texts_in(path) for path in sorted(root.rglob("*")) if path.is_file()}
    return {word: [name for name, text in said.items() if word in text or word in name] for word in words}


def contents(store) -> dict[str, bytes]:
    """Every file below the store's root."""
    root = Path(store.root)
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
