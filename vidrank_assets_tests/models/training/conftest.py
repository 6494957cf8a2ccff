"""What a service does that stops a training: it sends SIGTERM, and Dagster raises in the middle of the work."""

import signal

import pytest


class Asked(Exception):
    pass


@pytest.fixture
def asked():
    """SIGTERM raises, as Dagster's interrupts do."""

    def refuse(number, frame):
        raise Asked

    before = signal.signal(signal.SIGTERM, refuse)
    yield
    signal.signal(signal.SIGTERM, before)
