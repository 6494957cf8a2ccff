import random
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import dagster as dg
import numpy as np
import polars as pl
import pytest
from PIL import Image

from vidrank_assets.assets import features
from vidrank_assets.assets.features import FusionConfig, embed, encoder_assets, fused_embeddings
from vidrank_assets.assets.io_managers import Tables
from vidrank_assets.assets.media import media_files
from vidrank_assets.assets.partitions import by_day
from vidrank_assets.assets.resources import FolderStore
from vidrank_assets.assets.vectors import fused_vectors
from vidrank_assets.catalog import ENCODERS, FUSIONS, Entry
from vidrank_assets.errors import TooManyUnreadable
from vidrank_assets.features.encoders.title_ngrams import TitleNgrams
from vidrank_assets.storage import Storage
from vidrank_assets.tables import FUSED_MANIFEST, MEDIA_FILES, SNAPSHOTS, THUMBNAILS

START = datetime(2026, 1, 5, 12, tzinfo=UTC)
DAYS = ["2026-01-05", "2026-01-06"]


def jpeg(seed):
    buffer = BytesIO()
    blocks = np.random.default_rng(seed).integers(0, 256, (3, 4, 3), dtype=np.uint8)
    Image.fromarray(blocks).resize((64, 36)).save(buffer, "JPEG")
    return buffer.getvalue()


def titled(n, *, day=0, first=0):
    """`n` videos with a title each, captured on one day."""
    rows = [
        {
            "video_id": f"v{i:04d}",
            "captured_at": START + timedelta(days=day),
            "title": f"Video number {i}",
            "published_at": START,
            "source": "test",
        }
        for i in range(first, first + n)
    ]
    return pl.DataFrame(rows, schema=SNAPSHOTS.schema)


def pictured(*videos, day=0, broken=()):
    """A picture of each video, captured on one day; some of them cannot be read."""
    rows = [
        {
            "video_id": video,
            "content_hash": f"hash of {video}",
            "captured_at": START + timedelta(days=day),
            "image": b"broken" if video in broken else jpeg(n),
            "source": "test",
        }
        for n, video in enumerate(videos)
    ]
    return pl.DataFrame(rows, schema=THUMBNAILS.schema)


@dg.asset(io_manager_key="tables", partitions_def=by_day, backfill_policy=dg.BackfillPolicy.single_run())
def snapshots(context: dg.AssetExecutionContext):
    """Ten videos on the first day, and two of them again with one more on the second."""
    tables = {DAYS[0]: titled(10), DAYS[1]: titled(3, day=1, first=8)}
    return {day: tables[day] for day in context.partition_keys}


@dg.asset(io_manager_key="tables", partitions_def=by_day, backfill_policy=dg.BackfillPolicy.single_run())
def thumbnails(context: dg.AssetExecutionContext):
    """Pictures of all but one of the videos, one of them broken."""
    ids = [f"v{i:04d}" for i in range(11)]
    tables = {DAYS[0]: pictured(*ids[:9]), DAYS[1]: pictured(*ids[9:], day=1, broken=ids[10:])}
    return {day: tables[day] for day in context.partition_keys}


EMBEDDED_DEFAULTS = [asset for asset in encoder_assets if asset.key.path[1] in ("thumbnail_statistics", "title_ngrams")]


class Lab:
    """A store, an instance, and what may be materialized in them."""

    def __init__(self, folder):
        self.store = FolderStore(root=str(folder / "store"))
        self.instance = dg.DagsterInstance.ephemeral()

    def run(self, *chosen, **options):
        """Materialize some assets; the metadata of their last materializations, by the last part of their key."""
        result = dg.materialize(
            [snapshots, thumbnails, media_files, *encoder_assets, fused_embeddings],
            selection=list(chosen),
            resources={"store": self.store, "tables": Tables(store=self.store)},
            instance=self.instance,
            **options,
        )
        events = [event.materialization for event in result.get_asset_materialization_events()]
        return {event.asset_key.path[-1]: {k: v.value for k, v in event.metadata.items()} for event in events}

    def both_days(self, *chosen):
        return self.run(
            *chosen, tags={"dagster/asset_partition_range_start": DAYS[0], "dagster/asset_partition_range_end": DAYS[1]}
        )

    def fuse(self, strategy="concat", **config):
        run_config = {"ops": {"fused_embeddings": {"config": config}}}
        metadata = self.run(fused_embeddings, partition_key=strategy, run_config=run_config)["fused_embeddings"]
        return self.store.open().read_table(f"fused_embeddings/strategy={strategy}/data.parquet"), metadata


@pytest.fixture
def lab(tmp_path):
    made = Lab(tmp_path)
    yield made
    made.instance.dispose()


@pytest.fixture
def captured(lab):
    lab.both_days(snapshots, thumbnails)
    return lab


@pytest.fixture
def embedded(captured):
    captured.both_days(*EMBEDDED_DEFAULTS)
    return captured


def listed(store, modality="text", encoder="title_ngrams"):
    parts = store.keys(f"embedding_manifest/modality={modality}/encoder={encoder}")
    return pl.concat([store.read_table(part) for part in parts])


# ── the encoders' assets ──────────────────────────────────────────────────────────────────────────────────────────────


def test_there_is_one_asset_per_encoder_of_the_catalog_described_by_its_line():
    assert {asset.key.path[-1]: asset.descriptions_by_key[asset.key] for asset in encoder_assets} == {
        name: entry.summary for name, entry in ENCODERS.entries.items()
    }


@pytest.mark.parametrize("asset", encoder_assets, ids=lambda asset: asset.key.path[-1])
def test_an_encoder_that_runs_on_a_gpu_waits_in_its_pool_and_carries_the_tags(asset):
    on_gpu = ENCODERS.entries[asset.key.path[-1]].device == "gpu"
    assert asset.op.pool == ("gpu" if on_gpu else None)
    assert ("dagster-k8s/config" in asset.op.tags) == on_gpu


def test_an_encoder_without_a_modality_is_refused():
    with pytest.raises(TypeError, match="must say its modality"):
        features.encoder_asset("some", Entry("module:Some", "Something."))


def test_a_range_of_days_is_one_run_whose_shards_span_the_days(captured):
    told = captured.both_days(*EMBEDDED_DEFAULTS)
    assert {k: told["title_ngrams"][k] for k in ("items", "embedded", "already_embedded", "unreadable")} == {
        "items": 11, "embedded": 11, "already_embedded": 0, "unreadable": 0,
    }  # fmt: skip
    assert told["thumbnail_statistics"]["embedded"] == 10
    assert told["thumbnail_statistics"]["unreadable_by_reason"].records[0].data == {
        "reason": "no JPEG, PNG or WebP", "items": 1, "first_videos": "v0010",
    }  # fmt: skip
    assert len(captured.store.open().keys("embeddings/text")) == 1


def test_a_second_run_embeds_nothing_and_a_further_day_only_what_is_new_in_it(captured):
    first = captured.run(*EMBEDDED_DEFAULTS[1:], partition_key=DAYS[0])["title_ngrams"]
    second = captured.run(*EMBEDDED_DEFAULTS[1:], partition_key=DAYS[1])["title_ngrams"]
    again = captured.both_days(*EMBEDDED_DEFAULTS[1:])["title_ngrams"]
    assert [told["embedded"] for told in (first, second, again)] == [10, 1, 0]
    assert again["already_embedded"] == 11


def test_too_many_unreadable_items_fail_the_run_after_the_others_are_stored(store):
    from vidrank_assets.features.encoders.thumbnail_statistics import ThumbnailStatistics

    pictures = pictured("a", "b", "c", "d", "e", broken="e").lazy()
    with pytest.raises(TooManyUnreadable, match="could not read 1 of 5"):
        embed(store, ThumbnailStatistics(), pictures, log=print)
    assert listed(store, "image", "thumbnail_statistics").height == 4


def test_what_is_readable_stays_embedded_when_the_share_is_judged_again(store):
    """The share is of all items and not of the pending ones, or every rerun over one broken picture would fail."""
    from vidrank_assets.features.encoders.thumbnail_statistics import ThumbnailStatistics

    pictures = pictured(*"abcdefghij", broken="j").lazy()
    for n_new in (9, 0):
        told = embed(store, ThumbnailStatistics(), pictures, log=print)
        assert (told["embedded"], told["unreadable"]) == (n_new, 1)


def test_progress_is_told_after_every_shard(store, monkeypatch):
    monkeypatch.setattr(TitleNgrams, "items_per_shard", 4)
    lines = []
    embed(store, TitleNgrams(), titled(10).lazy(), log=lines.append)
    assert lines == [f"title_ngrams: {n} of 10 encoded" for n in (4, 8, 10)]


def test_a_title_that_changes_is_embedded_beside_the_old_one_even_if_the_vectors_agree(store):
    """The two shards have the same bytes; the manifest keeps both contents."""
    before, after = titled(1), titled(1, day=1).with_columns(pl.lit("VIDEO NUMBER 0").alias("title"))
    for captured in (before, after, before, after):
        told = embed(store, TitleNgrams(), captured.lazy(), log=print)
    assert told["embedded"] == 0
    assert listed(store)["content_hash"].n_unique() == 2
    assert len(store.keys("embeddings", suffix=".npz")) == 1


# ── killed and rerun ──────────────────────────────────────────────────────────────────────────────────────────────────

N_TITLES = 400
_CHILD = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_features import embed_titles
embed_titles(sys.argv[1], lambda line: print(line, flush=True))
"""


def embed_titles(root, log=print):
    """Many small shards, so that a kill falls between any two writes."""
    TitleNgrams.items_per_shard = 5
    return embed(Storage(root), TitleNgrams(), titled(N_TITLES).lazy(), log=log)


@pytest.mark.parametrize("n_kills", [2, pytest.param(15, marks=pytest.mark.slow)])
def test_a_run_killed_at_any_moment_and_run_again_loses_nothing_and_doubles_nothing(tmp_path, monkeypatch, n_kills):
    """Each run is killed a random moment after one to three of its shards, while it writes the next ones."""
    monkeypatch.setattr(TitleNgrams, "items_per_shard", 5)
    root, moments = str(tmp_path / "store"), random.Random(7)
    for _ in range(n_kills):
        child = subprocess.Popen([sys.executable, "-c", _CHILD, root], stdout=subprocess.PIPE)
        assert child.stdout is not None
        for _ in range(moments.randint(1, 3)):
            assert b"encoded" in child.stdout.readline()
        time.sleep(moments.uniform(0, 0.03))
        child.kill()
        child.stdout.close()
        assert child.wait() == -signal.SIGKILL
        assert 0 < listed(Storage(root)).height < N_TITLES
    told = embed_titles(root)
    store = Storage(root)
    rows = listed(store)
    assert told["embedded"] + told["already_embedded"] == rows.height == N_TITLES
    assert rows.select("video_id", "content_hash").is_unique().all()
    titles = titled(N_TITLES).select("video_id", "title")
    expected = TitleNgrams().encode(
        rows.join(titles, on="video_id", how="left", maintain_order="left")["title"].to_list()
    )
    np.testing.assert_array_equal(
        store.gather(rows["shard_key"].to_list(), rows["shard_idx"].to_list()), expected.matrix
    )


# ── the fused vectors ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("strategy", FUSIONS.entries)
def test_every_video_has_a_fused_vector_of_what_it_has(embedded, strategy):
    manifest, told = embedded.fuse(strategy)
    assert FUSED_MANIFEST.checked(manifest).equals(manifest)
    assert manifest.height == told["videos"] == 11
    assert dict(manifest.select("video_id", "image_present").rows()) == {f"v{i:04d}": int(i < 10) for i in range(11)}
    assert manifest["text_present"].to_list() == [1] * 11
    vectors = fused_vectors(embedded.store.open(), manifest)
    assert vectors.matrix.shape == (11, told["dim"])
    assert dict(vectors.blocks) == told["blocks"]


def test_a_fused_row_holds_the_vectors_of_its_video(embedded):
    manifest, _ = embedded.fuse()
    vectors = fused_vectors(embedded.store.open(), manifest)
    titles = [f"Video number {int(video[1:])}" for video in vectors.video_ids]
    np.testing.assert_allclose(vectors.block("text"), TitleNgrams().encode(titles).matrix, atol=1e-6)
    without_picture = vectors.video_ids.index("v0010")
    assert not vectors.block("image")[without_picture].any()


def test_fusing_again_gives_the_same_bytes(embedded):
    first, second = embedded.fuse()[1], embedded.fuse()[1]
    assert first["sha256"] == second["sha256"]


def test_many_fused_shards_give_what_one_gives(embedded, monkeypatch):
    whole, _ = embedded.fuse("sum_pool")
    monkeypatch.setattr(features, "_FUSED_ROWS_PER_SHARD", 4)
    parts, _ = embedded.fuse("sum_pool")
    store = embedded.store.open()
    assert parts["fused_key"].n_unique() == 3
    np.testing.assert_array_equal(fused_vectors(store, parts).matrix, fused_vectors(store, whole).matrix)


def test_the_pool_width_is_a_setting_of_the_run(embedded):
    assert embedded.fuse("max_pool", width=32)[1]["blocks"] == {"max": 32}


def test_with_titles_alone_the_image_block_is_left_out(captured):
    captured.both_days(*EMBEDDED_DEFAULTS[1:])
    manifest, told = captured.fuse()
    assert told["blocks"] == {"text": 384}
    assert manifest["image_present"].to_list() == [0] * 11


def test_before_anything_is_embedded_there_is_nothing_to_fuse(captured):
    with pytest.raises(dg.Failure, match="image, text, audio, video have none"):
        captured.fuse()


def test_a_lost_text_shard_is_told_and_the_rows_keep_their_image(embedded):
    store = embedded.store.open()
    for key in store.keys("embeddings/text"):
        (store.root / key).unlink()
    manifest, told = embedded.fuse()
    assert manifest["text_present"].to_list() == [0] * 10
    assert (told["text_missing"], told["skipped_file_missing"]) == (11, 1)
    assert told["blocks"] == {"image": 256}


def test_text_vectors_of_another_width_are_brought_to_the_usual_one(embedded, monkeypatch):
    """A twelfth title, by the same revision but with 400 columns as a faulty writer would leave them."""
    store = embedded.store.open()
    wide = np.concatenate([np.full((1, 384), 0.5), np.full((1, 16), 9)], axis=1).astype(np.float32)
    row = listed(store)[:1].with_columns(
        pl.lit("v9999").alias("video_id"),
        pl.lit(store.write_shard("embeddings/text/title_ngrams", ["v9999"], wide, {"text": 400})).alias("shard_key"),
        pl.lit(0, pl.Int64).alias("shard_idx"),
        pl.lit(400, pl.Int64).alias("dim"),
    )
    store.write_table("embedding_manifest/modality=text/encoder=title_ngrams/wide.parquet", row)
    manifest, told = embedded.fuse()
    assert told["text_of_other_width"] == 1
    vectors = fused_vectors(store, manifest)
    np.testing.assert_allclose(vectors.block("text")[vectors.video_ids.index("v9999")], 384**-0.5, rtol=1e-5)


def test_the_configuration_refuses_a_width_of_nothing():
    with pytest.raises(ValueError, match="greater than 0"):
        FusionConfig(width=0)


# ── sound and film ────────────────────────────────────────────────────────────────────────────────────────────────────

MEDIA_DEFAULTS = [asset for asset in encoder_assets if asset.key.path[1] in ("sound_statistics", "frame_statistics")]


def filmed(path, *, pictures=True, sound=True):
    """A second of noise, in picture and in sound."""
    import av

    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        if pictures:
            track = container.add_stream("mpeg4", rate=8)
            track.width, track.height, track.pix_fmt = 64, 36, "yuv420p"
        if sound:
            voice = container.add_stream("pcm_s16le", rate=8_000, layout="mono")
        for _ in range(8 if pictures else 0):
            image = Image.fromarray(rng.integers(0, 256, (36, 64, 3), dtype=np.uint8))
            container.mux(track.encode(av.VideoFrame.from_image(image)))
        if pictures:
            container.mux(track.encode())
        if sound:
            frame = av.AudioFrame.from_ndarray(rng.integers(-999, 999, (1, 8_000), dtype=np.int16), layout="mono")
            frame.sample_rate = 8_000
            container.mux(voice.encode(frame))
            container.mux(voice.encode())


@pytest.fixture
def filmed_lab(embedded, tmp_path, monkeypatch):
    """Seven films with sound, a silent one, sound alone and a broken file; the eleventh video has none."""
    folder = tmp_path / "media"
    folder.mkdir()
    filmed(folder / "v0000.mkv")
    for i in range(1, 7):
        (folder / f"v{i:04d}.mkv").write_bytes((folder / "v0000.mkv").read_bytes())
    filmed(folder / "v0007.mkv", sound=False)
    filmed(folder / "v0008.wav", pictures=False)
    (folder / "v0009.mp4").write_bytes(b"broken")
    monkeypatch.setenv("VIDRANK_MEDIA", str(folder))
    return embedded


def test_media_files_become_the_blocks_of_sound_and_film_and_what_a_video_lacks_is_absent(filmed_lab):
    told = filmed_lab.both_days(media_files, *MEDIA_DEFAULTS)
    counts = ("items", "embedded", "unreadable")
    assert [told["sound_statistics"][name] for name in counts] == [10, 8, 2]
    assert [told["frame_statistics"][name] for name in counts] == [10, 8, 2]
    reasons = {record.data["reason"] for record in told["sound_statistics"]["unreadable_by_reason"].records}
    assert reasons == {"no audio track", "no media file, or cut short"}

    manifest, fused = filmed_lab.fuse()
    assert fused["blocks"] == {"image": 256, "text": 384, "audio": 105, "video": 408}
    presence = manifest.select("video_id", "audio_present", "video_present").sort("video_id").rows()
    assert presence == [
        *((f"v{i:04d}", 1, 1) for i in range(7)), ("v0007", 0, 1), ("v0008", 1, 0), ("v0009", 0, 0), ("v0010", 0, 0),
    ]  # fmt: skip
    vectors = fused_vectors(filmed_lab.store.open(), manifest)
    lengths = {
        name: dict(zip(vectors.video_ids, np.linalg.norm(vectors.block(name), axis=1).round(5), strict=True))
        for name in ("audio", "video")
    }
    for video, sound, film in presence:
        assert (lengths["audio"][video], lengths["video"][video]) == (sound, film)
    assert filmed_lab.both_days(media_files, *MEDIA_DEFAULTS)["sound_statistics"]["embedded"] == 0


def test_without_media_the_fused_vectors_are_those_of_thumbnails_and_titles(embedded, monkeypatch):
    """Whether the assets of sound and film were never made, or made of nothing."""
    monkeypatch.delenv("VIDRANK_MEDIA", raising=False)
    never, told = embedded.fuse()
    embedded.both_days(media_files, *MEDIA_DEFAULTS)
    of_nothing, told_again = embedded.fuse()
    assert told["blocks"] == told_again["blocks"] == {"image": 256, "text": 384}
    assert of_nothing.equals(never)
    assert never.select("audio_present", "video_present").unique().rows() == [(0, 0)]


def test_a_library_of_silent_films_fails_nothing(store, tmp_path):
    from vidrank_assets.features.encoders.sound_statistics import SoundStatistics

    filmed(tmp_path / "silent.mkv", sound=False)
    row = {
        "video_id": "a", "captured_at": START, "path": str(tmp_path / "silent.mkv"), "content_hash": "h",
        "size_bytes": 1, "modified_at": START,
    }  # fmt: skip
    told = embed(store, SoundStatistics(), pl.DataFrame([row], schema=MEDIA_FILES.schema).lazy(), log=print)
    assert (told["embedded"], told["unreadable"]) == (0, 1)


# ── the fused vectors of another system ───────────────────────────────────────────────────────────────────────────────


def exported(store, *, manifest="fused_manifest.parquet", keys="clipfarm/fused/concat"):
    """Three videos in two shards, one of which is lost, as another system lays them out."""
    buffer = BytesIO()
    np.savez(buffer, vectors=np.array([[1, 2], [3, 4]], np.float32), video_ids=np.array(["a", "b"]))
    store.write("clipfarm/fused/concat/part-0.npz", buffer.getvalue())
    rows = pl.DataFrame(
        {
            "video_id": ["b", "a", "c"],
            "fusion_strategy": ["concat"] * 3,
            "fused_key": [f"{keys}/part-0.npz".lstrip("/")] * 2 + [f"{keys}/part-1.npz".lstrip("/")],
            "shard_idx": [1, 0, 0],
            "fused_dim": [2, 2, 2],
            "text_present": [1, 1, 1],
            "text_emb_key": ["t", None, "t"],
        }
    )
    store.write_table(manifest, rows)
    return store.uri(manifest)


@pytest.mark.parametrize(
    ("manifest", "keys"),
    [
        ("fused_manifest.parquet", "clipfarm/fused/concat"),
        ("clipfarm/fused/fused_manifest.parquet", "clipfarm/fused/concat"),
        ("clipfarm/fused/fused_manifest.parquet", "concat"),
        ("clipfarm/fused/concat/fused_manifest.parquet", ""),
    ],
)
def test_fused_vectors_of_another_system_are_copied_into_our_shards(lab, tmp_path, manifest, keys):
    theirs = exported(Storage(str(tmp_path / "theirs")), manifest=manifest, keys=keys)
    rows, told = lab.fuse(foreign_manifest=theirs)
    assert rows.select("video_id", "fused_dim", "text_present").rows() == [("a", 2, 0), ("b", 2, 1)]
    vectors = fused_vectors(lab.store.open(), rows)
    assert vectors.matrix.tolist() == [[1, 2], [3, 4]]
    assert dict(vectors.blocks) == {"fused": 2}
    assert told["skipped_by_reason"] == {"shard file missing": 1}
    assert told["text_missing"] == 1


def test_a_foreign_manifest_in_the_bucket_of_our_own_store_is_reached_as_that_is(s3_endpoint, s3_root):
    from dagster_aws.s3 import S3Resource

    from vidrank_assets.assets.s3 import S3Store

    ours = S3Store(root=s3_root, s3=S3Resource(endpoint_url=s3_endpoint, region_name="us-east-1"))
    manifest = exported(ours.open())
    rows, _ = features._taken_over(ours, manifest, "concat")
    assert fused_vectors(ours.open(), rows).matrix.tolist() == [[1, 2], [3, 4]]


def test_no_foreign_manifest_is_a_missing_file(lab, tmp_path):
    with pytest.raises(dg.Failure, match="none.parquet must exist"):
        lab.fuse(foreign_manifest=str(tmp_path / "none.parquet"))


def test_a_foreign_manifest_without_the_strategy_is_refused(lab, tmp_path):
    with pytest.raises(dg.Failure, match="rows of strategy max_pool; it has concat"):
        lab.fuse("max_pool", foreign_manifest=exported(Storage(str(tmp_path / "theirs"))))


def test_a_foreign_manifest_none_of_whose_shards_is_there_is_refused(lab, tmp_path):
    theirs = exported(Storage(str(tmp_path / "theirs")), keys="elsewhere")
    with pytest.raises(dg.Failure, match="of 3 rows none could be taken: {'shard file missing': 3}"):
        lab.fuse(foreign_manifest=theirs)
