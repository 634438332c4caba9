"""Foreign bytes are read where they can do no harm: in a child that is ended when it exceeds its budget."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from compliance import confined

pytestmark = pytest.mark.requirement("REQ-INT-010")

GOOD = ("builtins:sorted", [3, 1, 2])


def good() -> bool:
    """A well-behaved question is answered."""
    return bool(confined.call(*GOOD) == [1, 2, 3])


def test_values_and_bytes_go_there_and_come_back() -> None:
    assert confined.call("builtins:dict", {"a": [b"\0\xff", 1.5, None, "é"]}) == {"a": [b"\0\xff", 1.5, None, "é"]}


def test_a_child_is_kept_for_the_next_question() -> None:
    assert confined.call("os:getpid") == confined.call("os:getpid") != os.getpid()


@pytest.mark.parametrize(
    ("function", "args", "word"),
    [
        ("time:sleep", (60,), "too long"),
        ("builtins:sum", (range(10),), "Failed"),
        ("builtins:bytearray", (1 << 31,), "more memory"),
        ("os:abort", (), "ended while it read"),
        ("os:_exit", (0,), "ended while it read"),
        ("signal:raise_signal", (signal.SIGKILL,), "ended while it read"),
    ],
)
def test_a_bad_question_ends_alone_and_the_next_is_answered(function: str, args: tuple[object, ...], word: str) -> None:
    if word == "Failed":
        with pytest.raises(confined.Failed, match="TypeError"):
            confined.call(function, [["no", "number"]], seconds=1)
    else:
        with pytest.raises(confined.NotRead, match=word) as ended:
            confined.call(function, *args, seconds=1)
        assert isinstance(ended.value, confined.Killed) == (args == (signal.SIGKILL,))

    assert good()


def test_a_child_that_was_killed_while_it_waited_is_not_the_next_files_fault() -> None:
    os.kill(confined.call("os:getpid"), signal.SIGKILL)

    assert good()


def test_a_child_that_is_killed_in_the_middle_is_not_the_files_fault() -> None:
    child = confined.call("os:getpid")
    end = threading.Timer(0.3, os.kill, [child, signal.SIGKILL])
    end.start()

    assert confined.call("time:sleep", 1.0) is None
    assert confined.call("os:getpid") != child


def test_a_child_that_is_killed_more_than_once_is_not_the_files_fault_either(monkeypatch: pytest.MonkeyPatch) -> None:
    struck = iter([True, True, True, False])
    monkeypatch.setattr(confined, "struck", lambda point: next(struck))

    assert confined.call("math:sqrt", 4.0) == 2.0


def test_a_refusal_keeps_its_code_and_its_sentence(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.touch()

    with pytest.raises(confined.Refused) as refusal:
        confined.call("imaging.deid.workshop:content_digest", str(empty))

    assert (refusal.value.code, refusal.value.status) == ("empty_file", 422)
    assert refusal.value.message.endswith(".")


def test_a_file_that_cannot_be_read_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        confined.call("imaging.deid.workshop:content_digest", str(tmp_path / "none"))


def test_what_a_library_prints_does_not_stand_between_the_answers() -> None:
    confined.call("builtins:print", "noise")

    assert good()


def test_the_child_is_given_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARALLAX_SECRET_KEY", "not for you")
    confined.end_all()

    assert confined.call("os:getenv", "PARALLAX_SECRET_KEY") is None


def test_questions_of_several_threads_do_not_mix() -> None:
    answers: dict[int, object] = {}

    def ask(number: int) -> None:
        answers[number] = [confined.call("builtins:max", [number, 0]) for _ in range(20)]

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == {number: [number] * 20 for number in range(6)}


def test_several_are_worked_on_at_a_time_and_the_results_keep_their_order() -> None:
    both = threading.Barrier(2, timeout=60)

    def work(number: int) -> int:
        both.wait()
        return number * number

    assert list(confined.each(work, range(6), workers=2)) == [0, 1, 4, 9, 16, 25]


def test_who_leaves_early_waits_for_what_was_begun_and_no_more() -> None:
    begun, go = [], threading.Event()

    def work(number: int) -> int:
        begun.append(number)
        if number:
            go.wait(60)
        return number

    results = confined.each(work, range(1000), workers=1)
    assert next(results) == 0
    threading.Timer(0.2, go.set).start()
    results.close()

    assert go.is_set()
    assert len(begun) <= 2


def test_a_forked_process_has_a_child_of_its_own() -> None:
    mine = confined.call("os:getpid")
    read, write = os.pipe()
    if (child := os.fork()) == 0:
        os.write(write, str(confined.call("os:getpid")).encode())
        os._exit(0)
    os.waitpid(child, 0)

    assert int(os.read(read, 20)) not in (mine, child)
    assert confined.call("os:getpid") == mine


def test_no_child_outlives_a_parent_that_is_killed() -> None:
    program = (
        "from compliance import confined; print(confined.call('os:getpid'), flush=True);"
        "confined.call('time:sleep', 3, seconds=3)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert parent.stdout
    child = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()

    patience = time.monotonic() + 30
    while Path(f"/proc/{child}").exists() and time.monotonic() < patience:
        time.sleep(0.05)
    assert not Path(f"/proc/{child}").exists()
