"""Looks for the key of the stand-in in everything that a test run leaves: files, output, logs, and what failures say.

A plugin of pytest, at work once a run, in the process that collects the reports. Where the key is found, the run fails
and says where. It may be in the environment and in the source of the tests, nowhere else.
"""

import gzip
import os
import sqlite3
import zipfile
import zlib
from base64 import b64encode
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vidrank_assets_tests.fake_youtube import FakeYouTube

KEY: str = FakeYouTube.__init__.__kwdefaults__["key"]
_BROKEN = (OSError, EOFError, ValueError, zlib.error, zipfile.BadZipFile, sqlite3.Error, pa.ArrowException)


def forms(secret: str) -> list[bytes]:
    """The secret as bytes: plain, percent-encoded, as hexadecimal digits, and in Base64 at each of its three places."""
    plain = secret.encode()
    percent = "".join(f"%{byte:02X}" for byte in plain)
    hexadecimal = plain.hex()
    spelt = [text.encode() for text in (percent, percent.lower(), hexadecimal, hexadecimal.upper())]
    return [plain, *spelt, *(_in_base64(plain, before) for before in range(3))]


def _in_base64(plain: bytes, n_before: int) -> bytes:
    """What does not depend on the bytes before and behind it."""
    first, last = -(-n_before * 8 // 6), (n_before + len(plain)) * 8 // 6
    return b64encode(bytes(n_before) + plain)[first:last]


def within(content: bytes, name: str) -> Iterator[tuple[str, bytes]]:
    """The content, and whatever is packed in it: by gzip and zlib, in archives, in Parquet and Arrow files."""
    yield name, content
    try:
        for inner, unpacked in _unpacked(content):
            yield from within(unpacked, f"{name} ({inner})")
    except _BROKEN:
        return  # tests damage files on purpose


def _unpacked(content: bytes) -> Iterator[tuple[str, bytes]]:
    if content.startswith(b"\x1f\x8b"):
        yield "decompressed", gzip.decompress(content)
    elif content.startswith(b"x") and len(content) > 2 and int.from_bytes(content[:2]) % 31 == 0:
        yield "decompressed", zlib.decompress(content)
    elif content.startswith(b"PK"):
        with zipfile.ZipFile(BytesIO(content)) as archive:
            yield from ((inner, archive.read(inner)) for inner in archive.namelist())
    elif content.startswith(b"PAR1"):
        yield from _columns(pq.ParquetFile(BytesIO(content)).read())
    elif content.startswith(b"ARROW1"):
        yield from _columns(pa.ipc.open_file(content).read_all())


def _columns(table: pa.Table) -> Iterator[tuple[str, bytes]]:
    for name, column in zip(table.column_names, table.columns, strict=True):
        for chunk in column.chunks:
            yield from ((f"column {name}", buffer.to_pybytes()) for buffer in chunk.buffers() if buffer)


def in_file(path: Path) -> Iterator[tuple[str, bytes]]:
    """The bytes of a file and what is packed in it; of a database, every value of every table."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:  # a process that is ending has just removed it
        return
    yield from within(content, str(path))
    if content.startswith(b"SQLite format 3\0"):
        try:
            yield from _values(path)
        except _BROKEN:
            return


def _values(path: Path) -> Iterator[tuple[str, bytes]]:
    connection = sqlite3.connect(path)
    try:
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for row in connection.execute(f'SELECT * FROM "{table}"'):
                for value in row:
                    if isinstance(value, str | bytes):
                        held = value.encode() if isinstance(value, str) else value
                        yield from within(held, f"{path} (table {table})")
    finally:
        connection.close()


def files_with(secret: str, folder: Path) -> list[str]:
    """Where below a folder the secret is."""
    # Folders may vanish while they are walked.
    there = (Path(parent, name) for parent, _, names in os.walk(folder) for name in names)
    files = sorted(path for path in there if path.is_file() and not path.is_symlink())
    return _holding(secret, (held for path in files for held in in_file(path)))


def _holding(secret: str, contents: Iterable[tuple[str, bytes]]) -> list[str]:
    wanted = forms(secret)
    return list(dict.fromkeys(name for name, held in contents if any(form in held for form in wanted)))


class SecretScan:
    """Gathers where the key is, while reports come in and when all is done."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._found: dict[str, None] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._look([*report.sections, ("failure", report.longreprtext)], report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._look([*report.sections, ("failure", report.longreprtext)], report.nodeid)

    def pytest_warning_recorded(self, warning_message: Any, nodeid: str) -> None:
        self._look([("warning", str(warning_message))], nodeid)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """The folders of all workers of pytest-xdist are below that of this process."""
        folder = self._config._tmp_path_factory.getbasetemp()
        self._found.update(dict.fromkeys(files_with(KEY, folder)))
        if self._found:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self._found:
            terminalreporter.section("the key of the stand-in was found", red=True)
            terminalreporter.write_line("It must be nowhere in what a test run leaves. Keep it out of:")
            for place in self._found:
                terminalreporter.write_line(f"  {place}")

    def _look(self, told: Iterable[tuple[str, str]], nodeid: str) -> None:
        contents = ((f"{what} of {nodeid}", text.encode(errors="replace")) for what, text in told)
        self._found.update(dict.fromkeys(_holding(KEY, contents)))


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(SecretScan(config))
