"""A stand-in for the YouTube Data API and its image host: an HTTP server that shows the sample world at any moment.

Google's own client works against it unchanged, with `client_options={"api_endpoint": fake.endpoint}`. It charges units,
refuses what the API refuses, and fails as it is told to. By itself, from the project's root:

    python -m vidrank_assets_tests.fake_youtube --port 8099 --moment 2026-02-10T06:00:00Z
"""

import argparse
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from threading import Event, Lock, Thread
from typing import Any, NamedTuple
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

from vidrank_assets.capture.sample_world import SampleWorld
from vidrank_assets_tests.fake_youtube_faults import FAULTS, UNCHARGED, Call, Refused, Reply, json_reply, refused
from vidrank_assets_tests.fake_youtube_http import Server
from vidrank_assets_tests.fake_youtube_items import Params
from vidrank_assets_tests.fake_youtube_world import ChangingWorld, Present

#: Units of a day by bucket, as of June 2026; a call costs one.
LIMITS = {"shared": 10_000, "batch_get_stats": 10_000, "search": 100}
_PACIFIC = ZoneInfo("America/Los_Angeles")


class _Method(NamedTuple):
    name: str
    bucket: str
    answer: Callable[[Present, Params], Any]


_METHODS = {
    "channels": _Method("channels.list", "shared", Present.channels_list),
    "playlistItems": _Method("playlistItems.list", "shared", Present.playlist_items_list),
    "videos": _Method("videos.list", "shared", Present.videos_list),
    "videos:batchGetStats": _Method("videos.batchGetStats", "batch_get_stats", Present.videos_batch_get_stats),
    "search": _Method("search.list", "search", Present.search_list),
}


class Asked(NamedTuple):
    """A request that came. method: as `videos.list`, or `picture`; status: of the answer, 0 for a broken connection;
    with_key: whether the key came with it; charged: units.
    """

    method: str
    params: dict[str, tuple[str, ...]]
    status: int
    with_key: bool
    charged: int


@dataclass
class _Injected:
    method: str
    fault: str
    times: int | None
    after: int
    details: Mapping[str, Any]


class _Fault(NamedTuple):
    """What befalls one call, if anything."""

    call: Call
    injected: _Injected | None

    @property
    def before_charging(self) -> bool:
        return self.injected is not None and self.injected.fault in UNCHARGED

    def of(self, reply: Reply) -> Reply:
        """What goes back instead."""
        if self.injected is None:
            return reply
        return FAULTS[self.injected.fault](self.call, reply, **self.injected.details)


class FakeYouTube:
    """The stand-in, which serves from its creation until `stop`.

    moment: its present, which may be set at any time. key: the only one it accepts, in the header X-Goog-Api-Key.
    limits: units of a day by bucket, where they differ from LIMITS. videos_per_channel: how many of the newest a
    playlist shows; all when None. key_in_url: whether a key was ever sent in a URL.
    """

    def __init__(
        self,
        world: SampleWorld | None = None,
        *,
        moment: datetime,
        port: int = 0,
        key: str = "a-key-of-the-stand-in",
        limits: Mapping[str, int] | None = None,
        videos_per_channel: int | None = None,
    ) -> None:
        self.key, self.key_in_url = key, False
        self.limits = {**LIMITS, **(limits or {})}
        self.asked: list[Asked] = []
        self._injected: list[_Injected] = []
        self._charged: Counter[tuple[date, str]] = Counter()
        self._lock = Lock()
        self._server = Server(port, self._answer, self._move)
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}/"
        self._world = ChangingWorld(world or SampleWorld(), self.endpoint, videos_per_channel)
        self.moment = moment
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def __enter__(self) -> "FakeYouTube":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Serve no more."""
        self._server.shutdown()
        self._server.server_close()

    @property
    def moment(self) -> datetime:
        return self._moment

    @moment.setter
    def moment(self, moment: datetime) -> None:
        self._move(moment)

    @property
    def channel_ids(self) -> list[str]:
        return self._present.channel_ids

    @property
    def spent(self) -> dict[str, int]:
        """Units charged by bucket on the present day in Pacific time."""
        return self.spent_by_day.get(self._moment.astimezone(_PACIFIC).date(), dict.fromkeys(self.limits, 0))

    @property
    def spent_by_day(self) -> dict[date, dict[str, int]]:
        """Units charged by bucket on each day in Pacific time on which there were any."""
        with self._lock:
            days = sorted({day for day, _ in self._charged})
            return {day: {bucket: self._charged[day, bucket] for bucket in self.limits} for day in days}

    def fault(self, method: str, fault: str, *, times: int | None = 1, after: int = 0, **details: Any) -> None:
        """Let a method fail: `fake_youtube_faults.FAULTS` lists how, and what details each takes.

        method: as `videos.list`, `picture`, or `*` for any. times: how often, None for ever. after: how many calls
        still succeed before. Injected faults take effect in their order. Raises KeyError: there is no such fault.
        """
        FAULTS[fault]
        with self._lock:
            self._injected.append(_Injected(method, fault, times, after, details))

    def heal(self) -> None:
        """Let nothing fail any more."""
        with self._lock:
            self._injected.clear()

    def _move(self, moment: datetime) -> None:
        if moment.tzinfo is None:
            raise ValueError(f"a moment needs its offset from UTC; got {moment}")
        with self._lock:
            self._present, self._moment = self._world.at(moment.astimezone(UTC)), moment.astimezone(UTC)

    def _answer(self, path: str, query: str, headers: Mapping[str, str]) -> Reply:
        """What a GET is answered with."""
        params = _params(query)
        if path.startswith("/youtube/v3/"):
            return self._of_api(path.removeprefix("/youtube/v3/"), params, headers.get("X-Goog-Api-Key"))
        if path.startswith("/vi/"):
            return self._of_image_host(path, headers)
        if path == "/stand-in/spent":
            return json_reply(self.spent)
        if path == "/stand-in/asked":
            return json_reply([each._asdict() for each in self.asked])
        reply = Reply(404, b"Not Found", content_type="text/html; charset=UTF-8")
        self._record(Call("elsewhere", params, headers.get("X-Goog-Api-Key"), self.endpoint), reply)
        return reply

    def _of_api(self, path: str, params: Params, key: str | None) -> Reply:
        method = _METHODS.get(path)
        if method is None:
            return Reply(404, b"<html>Not Found</html>", content_type="text/html; charset=UTF-8")
        self.key_in_url |= "key" in params
        call = Call(method.name, params, key, self.endpoint)
        reply, charged = self._refusal(call), 0
        if reply is None:
            fault = self._fault_of(call)
            charged = 0 if fault.before_charging else self._charge(method.bucket)
            paid = charged or fault.before_charging
            reply = fault.of(self._answered(method, params) if paid else refused("quota_exceeded"))
        self._record(call, reply, charged=charged)
        return reply

    def _refusal(self, call: Call) -> Reply | None:
        if "key" in call.params:
            return refused("key_invalid")
        if call.key is None:
            return refused("key_missing")
        return None if call.key == self.key else refused("key_invalid", 1)

    def _answered(self, method: _Method, params: Params) -> Reply:
        try:
            return json_reply(method.answer(self._present, params))
        except Refused as no:
            return no.reply

    def _of_image_host(self, path: str, headers: Mapping[str, str]) -> Reply:
        video_id, _, file = path.removeprefix("/vi/").partition("/")
        found = self._present.picture(video_id, file.removesuffix(".jpg"))
        if found is None:
            reply = Reply(404, b"", content_type="image/jpeg")
        else:
            image, etag = found
            known = {"ETag": etag, "Cache-Control": "public, max-age=7200"}
            same = etag in [each.strip() for each in headers.get("If-None-Match", "").split(",")]
            reply = Reply(304, b"", known) if same else Reply(200, image, known, content_type="image/jpeg")
        call = Call("picture", {"video_id": (video_id,), "file": (file,)}, headers.get("X-Goog-Api-Key"), self.endpoint)
        reply = self._fault_of(call).of(reply)
        self._record(call, reply)
        return reply

    def _fault_of(self, call: Call) -> "_Fault":
        """The fault that this call has, which counts as one time of it."""
        with self._lock:
            for each in self._injected:
                if each.method not in (call.method, "*") or each.times == 0:
                    continue
                if each.after:
                    each.after -= 1
                    continue
                each.times = None if each.times is None else each.times - 1
                return _Fault(call, each)
        return _Fault(call, None)

    def _charge(self, bucket: str) -> int:
        """Units that are charged; none: the bucket is empty."""
        today = self._moment.astimezone(_PACIFIC).date()
        with self._lock:
            units = int(self._charged[today, bucket] < self.limits[bucket])
            self._charged[today, bucket] += units
        return units

    def _record(self, call: Call, reply: Reply, *, charged: int = 0) -> None:
        status = 0 if reply.reset else reply.status
        with self._lock:
            self.asked.append(Asked(call.method, dict(call.params), status, call.key is not None, charged))


def _params(query: str) -> dict[str, tuple[str, ...]]:
    """Ids and parts one by one, whether they came repeated or with commas."""
    told = parse_qs(query, keep_blank_values=True)
    listed = {name: ",".join(told.pop(name)).split(",") for name in ("id", "part") if name in told}
    return {name: tuple(values) for name, values in {**told, **listed}.items()}


def main() -> None:
    """Serve until interrupted."""
    told = argparse.ArgumentParser(description="A stand-in for the YouTube Data API, which shows a synthetic world.")
    told.add_argument("--port", type=int, default=0)
    told.add_argument("--moment", type=datetime.fromisoformat, required=True)
    told.add_argument("--channels", type=int, default=60)
    told.add_argument("--videos-per-channel", type=int)
    asked = told.parse_args()
    world = SampleWorld(n_channels=asked.channels)
    fake = FakeYouTube(world, moment=asked.moment, port=asked.port, videos_per_channel=asked.videos_per_channel)
    print(f"endpoint={fake.endpoint} key={fake.key} synthetic", flush=True)
    try:
        Event().wait()
    except KeyboardInterrupt:
        fake.stop()


if __name__ == "__main__":
    main()
