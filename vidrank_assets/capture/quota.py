"""How much may be asked of the Data API a day, and how much was: a ledger that outlives the process.

Google counts units in buckets, which `Settings.quota` lists, and starts anew at midnight Pacific. A unit is entered
before it is asked for, as an empty file of its own: what a killed process asked for last was paid for, whether or not
the answer came.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

from vidrank_assets.errors import InvalidInput, QuotaSpent
from vidrank_assets.settings import Bucket
from vidrank_assets.storage import Storage

#: What is left of each bucket for a person who wants to look something up.
USABLE_SHARE = 0.9
FOLDER = "youtube_api/quota"
_PACIFIC = ZoneInfo("America/Los_Angeles")
_REFUSED = "refused"


def quota_day(at: datetime) -> date:
    """The day, in Pacific time, that a call at some instant is counted on."""
    return at.astimezone(_PACIFIC).date()


def reset_at(at: datetime) -> datetime:
    """When the quota starts anew: the next midnight Pacific, in UTC."""
    return datetime.combine(quota_day(at) + timedelta(days=1), time(), _PACIFIC).astimezone(UTC)


class Ledger:
    """The units that were asked for, by Pacific day and bucket. One process writes at a time.

    Raises InvalidInput: the settings put a method into two buckets.
    """

    def __init__(self, store: Storage, buckets: Mapping[str, Bucket]) -> None:
        self._store, self._buckets = store, buckets
        self._spent: dict[tuple[date, str], int] = {}
        self._refused: set[tuple[date, str]] = set()
        methods = [method for bucket in buckets.values() for method in bucket.costs]
        if twice := sorted({method for method in methods if methods.count(method) > 1}):
            raise InvalidInput(
                f"VIDRANK_QUOTA must name each method in one bucket; {', '.join(twice)} is in several. Leave it in one."
            )

    def bucket_of(self, method: str) -> str:
        """The bucket that a method, as `videos.list`, is paid from. Raises InvalidInput: the settings name none."""
        for name, bucket in self._buckets.items():
            if method in bucket.costs:
                return name
        raise InvalidInput(f"VIDRANK_QUOTA must say what {method} costs; no bucket names it. Add it to one.")

    def cost(self, method: str) -> int:
        """Units of one call."""
        return self._buckets[self.bucket_of(method)].costs[method]

    def spent(self, bucket: str, *, at: datetime) -> int:
        """Units asked for on the Pacific day of that instant."""
        counted = (quota_day(at), bucket)
        if counted not in self._spent:
            marks = [key.rsplit("/", 1)[1] for key in self._store.keys(_folder(*counted))]
            self._spent[counted] = sum(int(mark.split("-")[0]) for mark in marks if mark != _REFUSED)
            if _REFUSED in marks:
                self._refused.add(counted)
        return self._spent[counted]

    def usable(self, bucket: str) -> int:
        """Units of a day that may be asked for in all."""
        return int(self._buckets[bucket].limit * USABLE_SHARE)

    def left(self, bucket: str, *, at: datetime) -> int:
        """Units that may still be asked for on that day; none after Google has said that the bucket is empty."""
        spent = self.spent(bucket, at=at)
        return 0 if (quota_day(at), bucket) in self._refused else max(0, self.usable(bucket) - spent)

    def spend(self, method: str, *, at: datetime) -> None:
        """Enter one call, before it is made.

        Raises QuotaSpent: it would pass 90 % of its bucket, or Google has said that the bucket is empty.
        """
        bucket, units = self.bucket_of(method), self.cost(method)
        if units > self.left(bucket, at=at):
            raise self.exhausted(bucket, at=at)
        day = quota_day(at)
        self._store.write(f"{_folder(day, bucket)}/{units}-{uuid4().hex}", b"")
        self._spent[day, bucket] += units

    def refuse(self, method: str, *, at: datetime) -> None:
        """Enter that Google has said that the bucket of a method is empty: nothing more is asked of it that day."""
        day, bucket = quota_day(at), self.bucket_of(method)
        self._store.write(f"{_folder(day, bucket)}/{_REFUSED}", b"")
        self._refused.add((day, bucket))

    def exhausted(self, bucket: str, *, at: datetime) -> QuotaSpent:
        """What to raise when nothing more may be asked of a bucket."""
        said = (
            "Google says it is used up" if (quota_day(at), bucket) in self._refused else "the rest is kept for people"
        )
        return QuotaSpent(
            f"the bucket {bucket} of the Data API's quota allows {self.usable(bucket)} units a day; "
            f"{self.spent(bucket, at=at)} were asked for and {said}. What was captured is kept; "
            f"run it again after the reset at {reset_at(at):%Y-%m-%d %H:%M} UTC."
        )


def _folder(day: date, bucket: str) -> str:
    return f"{FOLDER}/day={day}/bucket={bucket}"
