import os
import signal
import subprocess
import sys
import threading

import pytest

from vidrank_assets.models.training.interruption import Interruption


class Asked(Exception):
    pass


@pytest.fixture
def heard():
    """The signals that whoever was there before was given."""
    signals = []
    before = signal.signal(signal.SIGTERM, lambda number, _: signals.append(number))
    yield signals
    signal.signal(signal.SIGTERM, before)


def test_a_signal_waits_until_it_is_delivered_to_whoever_was_there_before(heard):
    with Interruption() as interruption:
        os.kill(os.getpid(), signal.SIGTERM)
        assert (interruption.pending, heard) == (signal.SIGTERM, [])
        interruption.deliver(interruption.pending)
        assert (interruption.pending, heard) == (0, [signal.SIGTERM])


def test_a_signal_is_noted_again_after_one_that_let_the_work_go_on(heard):
    with Interruption() as interruption:
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGTERM)
            assert interruption.pending
            interruption.deliver(signal.SIGTERM)
    assert heard == [signal.SIGTERM] * 2


def test_a_signal_that_still_waits_is_delivered_at_the_end(heard):
    with Interruption():
        os.kill(os.getpid(), signal.SIGTERM)
    assert heard == [signal.SIGTERM]


def test_a_signal_that_comes_twice_before_it_is_delivered_is_delivered_once(heard):
    with Interruption() as interruption:
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGTERM)
        interruption.deliver(signal.SIGTERM)
        assert interruption.pending == 0
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGTERM)
    assert heard == [signal.SIGTERM] * 2


def test_two_signals_that_wait_are_both_delivered_the_first_one_first(heard):
    before = signal.signal(signal.SIGINT, lambda number, _: heard.append(number))
    try:
        with Interruption() as interruption:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGTERM)
            assert interruption.pending == signal.SIGINT
            interruption.deliver(signal.SIGTERM)
            assert interruption.pending == signal.SIGINT
            os.kill(os.getpid(), signal.SIGTERM)
    finally:
        signal.signal(signal.SIGINT, before)
    assert heard == [signal.SIGTERM, signal.SIGINT, signal.SIGTERM]


def test_a_signal_that_comes_while_one_is_delivered_waits_for_its_turn():
    heard = []

    def hear(number, frame):
        heard.append(number)
        if len(heard) == 1:
            os.kill(os.getpid(), number)
            heard.append("the end of the first")

    before = signal.signal(signal.SIGTERM, hear)
    try:
        with Interruption() as interruption:
            os.kill(os.getpid(), signal.SIGTERM)
            interruption.deliver(signal.SIGTERM)
            assert interruption.pending == signal.SIGTERM
    finally:
        signal.signal(signal.SIGTERM, before)
    assert heard == [signal.SIGTERM, "the end of the first", signal.SIGTERM]


def test_where_one_signal_raises_the_other_is_not_lost(heard):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), Interruption():
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGTERM)
    finally:
        signal.signal(signal.SIGINT, before)
    assert heard == [signal.SIGTERM]


@pytest.mark.slow
def test_a_signal_that_no_one_handles_ends_the_process_after_the_work_is_safe():
    program = (
        "import os, signal\n"
        "from vidrank_assets.models.training.interruption import Interruption\n"
        "with Interruption() as interruption:\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    print('safe', flush=True)\n"
        "    interruption.deliver(interruption.pending)\n"
        "    print('not reached', flush=True)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (ended.stdout, ended.returncode) == ("safe\n", -signal.SIGTERM)


def test_an_exception_of_the_one_before_comes_through_and_its_handler_is_back():
    def refuse(number, frame):
        raise Asked

    before = signal.signal(signal.SIGTERM, refuse)
    try:
        with pytest.raises(Asked), Interruption() as interruption:
            os.kill(os.getpid(), signal.SIGTERM)
            interruption.deliver(signal.SIGTERM)
        assert signal.getsignal(signal.SIGTERM) is refuse
    finally:
        signal.signal(signal.SIGTERM, before)


def test_control_c_is_a_keyboard_interrupt_after_the_work_is_safe():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), Interruption() as interruption:
            os.kill(os.getpid(), signal.SIGINT)
            assert interruption.pending == signal.SIGINT
            interruption.deliver(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


def test_an_ignored_signal_stays_ignored():
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with Interruption() as interruption:
            os.kill(os.getpid(), signal.SIGTERM)
            assert interruption.pending == 0
    finally:
        signal.signal(signal.SIGTERM, before)


def test_another_thread_than_the_main_one_changes_no_handler(heard):
    found = []

    def work():
        with Interruption() as interruption:
            found.append(signal.getsignal(signal.SIGTERM))
            interruption.deliver(signal.SIGTERM)

    handler = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [handler] and heard == []
