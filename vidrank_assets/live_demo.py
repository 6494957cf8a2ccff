"""Three days of captures from a stand-in for the Data API: the real client over HTTP, and no key.

What the stand-in says is synthetic: it shows the sample world as the Data API would.
"""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import yaml

from vidrank_assets.capture.youtube_api import YouTubeApi
from vidrank_assets.errors import InvalidInput

FIRST_MOMENT = datetime(2026, 2, 10, 6, tzinfo=UTC)
N_DAYS = 3
_ROOT = Path(__file__).parents[1]


def capture_three_days(report: Callable[[str], None]) -> Path:
    """Capture them into a home of their own beside `DAGSTER_HOME`, and return that home.

    Raises InvalidInput: this is no checkout of the project, which has the stand-in among its tests.
    """
    home = _home()
    with _stand_in() as stand_in, _set(home, stand_in) as watch_list:
        # Definitions read the settings when they are imported.
        from vidrank_assets.runs import opened_store, runner

        for day in range(N_DAYS):
            stand_in.moment = FIRST_MOMENT + timedelta(days=day)
            options = {"at": stand_in.moment.isoformat(), "watch_list": watch_list}
            source = YouTubeApi(opened_store(), **options)
            planned, before = source.plan().units(source.ledger), dict(stand_in.spent)
            with runner(report) as runs:
                runs.capture(source, options)
            spent = {bucket: units - before.get(bucket, 0) for bucket, units in stand_in.spent.items()}
            report(f"{stand_in.moment:%Y-%m-%d}: planned {_listed(planned)}; the stand-in charged {_listed(spent)}")
    return home


def _listed(units: dict[str, int]) -> str:
    return ", ".join(f"{n} {bucket}" for bucket, n in units.items() if n) or "nothing"


def _home() -> Path:
    beside = Path(os.environ.get("DAGSTER_HOME", "dagster_home")).resolve()
    home = beside / "stand_in"
    home.mkdir(parents=True, exist_ok=True)
    shutil.copy(_ROOT / "dagster_home" / "dagster.yaml", home)
    return home


@contextmanager
def _stand_in() -> Iterator[Any]:
    if not (_ROOT / "vidrank_assets_tests" / "fake_youtube.py").is_file():
        raise InvalidInput(
            "the stand-in for the Data API must be beside the package, in vidrank_assets_tests of a checkout; "
            f"{_ROOT} has none. Clone the project and run make demo there."
        )
    sys.path.insert(0, str(_ROOT))
    from vidrank_assets.capture.sample_world import SampleWorld

    fake = import_module("vidrank_assets_tests.fake_youtube").FakeYouTube
    with fake(SampleWorld(n_channels=60), moment=FIRST_MOMENT) as running:
        yield running


@contextmanager
def _set(home: Path, stand_in: Any) -> Iterator[str]:
    """The environment in which commands find the stand-in, and the path of a watch list of its channels."""
    with NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump({"niches": {"synthetic": {"channels": stand_in.channel_ids}}}, file)
        file.flush()
        os.environ.update(
            {
                "DAGSTER_HOME": str(home),
                "VIDRANK_STORAGE": str(home / "vidrank"),
                "VIDRANK_YOUTUBE_ENDPOINT": stand_in.endpoint,
                "VIDRANK_YOUTUBE_API_KEY": stand_in.key,
                "VIDRANK_THUMBNAIL_ORIGINS": f'["{stand_in.endpoint.rstrip("/")}"]',
            }
        )
        yield file.name
