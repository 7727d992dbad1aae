"""bot.ua.journal: order, waiting, and the file."""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bot.deadline import Deadline
from bot.errors import ConfigError, NativeError
from bot.ipc.events import CommandDone, ExpectationChecked, Heartbeat, KeyNegotiated, StorageFailed
from bot.ua.journal import Entry, Journal
from tests.support.fakes import KEY, LONG, WatchedJournal, at_once, while_waiting
from tests.support.samples import EVENTS


class GivenUpError(Exception):
    pass


def done(request: int) -> CommandDone:
    return CommandDone(at=float(request), request=request)


def requests(journal: Journal) -> list[int]:
    return [entry.event.request for entry in journal.recent() if isinstance(entry.event, CommandDone)]


class FullDisk:
    """A disk that takes ``room`` writes, half of the next one, and then no more."""

    def __init__(self, room: int) -> None:
        self.room = room
        self._write = os.write

    def write(self, handle: int, content: Any) -> int:
        if self.room < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.room -= 1
        return self._write(handle, content if self.room >= 0 else content[: len(content) // 2])


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], FullDisk]:
    def insert(room: int) -> FullDisk:
        disk = FullDisk(room)
        monkeypatch.setattr(os, "write", disk.write)
        return disk

    return insert


# ---- order and memory


def test_entries_keep_their_order() -> None:
    journal = Journal()
    for number in range(10):
        journal.append("a" if number % 2 else "b", done(number))
    assert requests(journal) == list(range(10))
    assert [entry.endpoint for entry in journal.recent()][:3] == ["b", "a", "b"]


def test_memory_is_bounded() -> None:
    journal = Journal(kept=3)
    for number in range(10):
        journal.append("a", done(number))
    assert requests(journal) == [7, 8, 9]


def test_what_was_looked_at_does_not_change() -> None:
    journal = Journal()
    before = journal.recent()
    journal.append("a", done(1))
    assert before == []


def test_each_thread_keeps_its_order() -> None:
    journal = Journal()

    def append(thread: int) -> None:
        for number in range(100):
            journal.append(str(thread), done(number))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(append, range(4)))
    for thread in range(4):
        mine = [entry.event for entry in journal.recent() if entry.endpoint == str(thread)]
        assert mine == [done(number) for number in range(100)]


def test_seconds_since_the_start() -> None:
    journal = Journal()
    assert journal.since_start(Heartbeat(at=journal.started_at + 2.5, next_s=1.0)) == pytest.approx(2.5)
    assert abs((datetime.now(UTC) - journal.started).total_seconds()) < 60


# ---- observers


def test_observers_see_entries_before_the_waiter_wakes() -> None:
    journal = WatchedJournal()
    seen: list[Entry] = []
    journal.observe(seen.append)
    with while_waiting(journal, lambda: journal.append("a", done(1))):
        assert journal.wait_until(lambda: bool(journal.recent()), Deadline(LONG))
        assert seen == [Entry("a", done(1))]


def test_observers_are_called_in_the_order_in_which_they_came() -> None:
    journal = Journal()
    seen: list[str] = []
    journal.observe(lambda entry: seen.append("first"))
    journal.observe(lambda entry: seen.append("second"))
    journal.append("a", done(1))
    assert seen == ["first", "second"]


def test_an_observer_can_stop() -> None:
    journal = Journal()
    seen: list[Entry] = []
    stop = journal.observe(seen.append)
    journal.append("a", done(1))
    stop()
    journal.append("a", done(2))
    stop()
    assert seen == [Entry("a", done(1))]


def test_an_observer_may_stop_itself_and_append() -> None:
    journal = Journal()
    seen: list[int] = []

    def observe(entry: Entry) -> None:
        assert isinstance(entry.event, CommandDone)
        seen.append(entry.event.request)
        stop()
        journal.append("a", done(entry.event.request + 1))

    stop = journal.observe(observe)
    journal.append("a", done(1))
    assert seen == [1]
    assert requests(journal) == [1, 2]


# ---- waiting


def test_no_wait_for_what_is_so() -> None:
    with at_once():
        assert Journal().wait_until(lambda: True, Deadline(LONG))


def test_what_is_so_counts_even_after_the_deadline() -> None:
    assert Journal().wait_until(lambda: True, Deadline(0.0))


def test_the_deadline_ends_a_wait() -> None:
    before = time.monotonic()
    assert not Journal().wait_until(lambda: False, Deadline(0.05))
    assert time.monotonic() - before >= 0.05


def test_no_time_asks_once() -> None:
    asked: list[None] = []

    def holds() -> bool:
        asked.append(None)
        return False

    assert not Journal().wait_until(holds, Deadline(0.0))
    assert len(asked) == 1


def test_every_waiter_is_woken() -> None:
    journal = Journal()
    asked = threading.Semaphore(0)

    def holds() -> bool:
        asked.release()
        return bool(journal.recent())

    with ThreadPoolExecutor(4) as pool, at_once():
        waiters = [pool.submit(journal.wait_until, holds, Deadline(LONG)) for _ in range(4)]
        for _ in waiters:
            assert asked.acquire(timeout=LONG)
        journal.append("a", done(1))  # gets the lock when all of them sleep
        assert [waiter.result(LONG) for waiter in waiters] == [True] * 4


def test_a_waiter_sleeps_through_what_does_not_matter() -> None:
    journal = WatchedJournal()

    def append() -> None:
        for number in range(5):
            journal.append("a", done(number))

    with while_waiting(journal, append), at_once():
        assert journal.wait_until(lambda: len(journal.recent()) == 5, Deadline(LONG))


def test_the_waiter_itself_sleeps_until_it_is_over() -> None:
    journal, asked_by = WatchedJournal(), []

    def append() -> None:
        for number in range(5):
            journal.append("a", done(number))

    def holds() -> bool:
        asked_by.append(threading.current_thread())
        return len(journal.recent()) == 5

    with while_waiting(journal, append), at_once():
        assert journal.wait_until(holds, Deadline(LONG))
    assert asked_by.count(threading.current_thread()) == 1
    assert len(asked_by) == 6


def test_a_condition_that_held_once_ends_the_wait() -> None:
    journal = WatchedJournal()

    def append() -> None:
        with journal.held():
            journal.append("a", done(1))
            journal.append("a", done(2))

    with while_waiting(journal, append), at_once():
        assert journal.wait_until(lambda: requests(journal) == [1], Deadline(LONG))


def test_what_a_condition_raises_is_raised_by_the_wait_alone() -> None:
    journal = WatchedJournal()

    def holds() -> bool:
        if journal.recent():
            raise GivenUpError
        return False

    with pytest.raises(GivenUpError), at_once(), while_waiting(journal, lambda: journal.append("a", done(1))):
        journal.wait_until(holds, Deadline(LONG))
    assert requests(journal) == [1]


def test_a_condition_may_wait_itself() -> None:
    journal = WatchedJournal()

    def holds() -> bool:
        return bool(journal.recent()) and journal.wait_until(lambda: True, Deadline(LONG))

    with while_waiting(journal, lambda: journal.append("a", done(1))), at_once():
        assert journal.wait_until(holds, Deadline(LONG))


def test_steps_share_a_deadline() -> None:
    journal = Journal()
    deadline = Deadline(0.5)
    before = time.monotonic()
    assert [journal.wait_until(lambda: False, deadline) for _ in range(5)] == [False] * 5
    assert 0.5 <= time.monotonic() - before < 2.4  # five waits of their own would take 2.5 s


def test_check_raises_before_any_waiting() -> None:
    def check() -> None:
        raise GivenUpError

    with pytest.raises(GivenUpError), at_once():
        Journal().wait_until(lambda: False, Deadline(LONG), check)


def test_check_raises_as_soon_as_something_happened() -> None:
    journal = WatchedJournal()

    def check() -> None:
        if journal.recent():
            raise GivenUpError

    with pytest.raises(GivenUpError), at_once(), while_waiting(journal, lambda: journal.append("a", done(1))):
        journal.wait_until(lambda: False, Deadline(LONG), check)


def test_check_is_not_asked_when_it_is_so() -> None:
    def check() -> None:
        raise GivenUpError

    assert Journal().wait_until(lambda: True, Deadline(LONG), check)


def test_the_lock_is_free_after_check_raised() -> None:
    journal = Journal()

    def check() -> None:
        raise GivenUpError

    with pytest.raises(GivenUpError):
        journal.wait_until(lambda: False, Deadline(LONG), check)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(journal.append, "a", done(1)).result(LONG)
    assert requests(journal) == [1]


def test_nothing_changes_while_held() -> None:
    journal = Journal()
    with ThreadPoolExecutor(1) as pool:
        with journal.held():
            appended = pool.submit(journal.append, "a", done(1))
            assert journal.recent() == []
        appended.result(LONG)
    assert requests(journal) == [1]


# ---- names


def test_a_name_is_taken_once() -> None:
    journal = Journal()
    journal.join("alice")
    with pytest.raises(ConfigError, match="both called 'alice'"):
        journal.join("alice")
    journal.join("bob")


def test_a_name_can_be_given_back() -> None:
    journal = Journal()
    journal.join("alice")
    journal.leave("alice")
    journal.leave("alice")
    journal.join("alice")


# ---- the file


def test_the_file_is_read_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "journal.jsonl"
    journal = Journal(path)
    checked = ExpectationChecked(at=9.0, name="n", passed=False, expected="e", observed="o", call=1)
    events = [*(event for event in EVENTS if not isinstance(event, KeyNegotiated)), checked]
    for event in events:
        journal.append("alice", event)
    journal.close()
    opening, *lines = path.read_bytes().splitlines()
    assert msgspec.json.decode(opening) == {
        "schema": "srtpbot.journal/1",
        "started": journal.started.isoformat().replace("+00:00", "Z"),
        "monotonic": journal.started_at,
    }
    decoder = msgspec.json.Decoder(Entry)
    assert [decoder.decode(line) for line in lines] == [Entry("alice", event) for event in events]
    assert all(msgspec.json.decode(line)["event"]["type"] for line in lines)


def test_the_file_has_more_than_memory_and_needs_no_closing(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl", kept=2)
    for number in range(10):
        journal.append("a", done(number))
    assert len((tmp_path / "journal.jsonl").read_bytes().splitlines()) == 11
    journal.close()


def test_keys_reach_observers_and_not_the_file(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    seen: list[Entry] = []
    journal.observe(seen.append)
    (key,) = (event for event in EVENTS if isinstance(event, KeyNegotiated))
    journal.append("alice", key)
    journal.close()
    assert seen == [Entry("alice", key)]
    assert KEY not in (tmp_path / "journal.jsonl").read_text()


def test_an_old_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text("old\n" * 100)
    Journal(path).close()
    assert b"old" not in path.read_bytes()


def test_after_close_nothing_is_written_and_nothing_fails(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    journal.close()
    journal.close()
    journal.append("a", done(1))
    assert requests(journal) == [1]
    assert journal.problem is None
    assert len((tmp_path / "journal.jsonl").read_bytes().splitlines()) == 1


@pytest.mark.parametrize("name", ["file/journal.jsonl", "folder"])
def test_a_path_that_cannot_be_written(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(ConfigError, match="cannot write the journal") as caught:
        Journal(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)


def test_a_disk_that_is_full_from_the_start(full_disk: Callable[[int], FullDisk], tmp_path: Path) -> None:
    full_disk(0)
    with pytest.raises(NativeError, match="No space left on device"):
        Journal(tmp_path / "journal.jsonl")


def test_a_disk_that_gets_full_ends_the_writing_and_nothing_else(
    full_disk: Callable[[int], FullDisk], tmp_path: Path
) -> None:
    full_disk(3)
    journal = Journal(tmp_path / "journal.jsonl")
    seen: list[Entry] = []
    journal.observe(seen.append)
    for number in range(10):
        journal.append("a", done(number))
    assert requests(journal) == list(range(10))
    failures = [one.event for one in seen if isinstance(one.event, StorageFailed)]
    assert len(seen) == 10 + len(failures) == 11
    assert failures[0].path == str(tmp_path / "journal.jsonl")
    text = (tmp_path / "journal.jsonl").read_text()
    assert len([json.loads(line) for line in text.splitlines()]) == 3
    assert text.endswith("\n")
    assert journal.problem is not None
    assert "journal.jsonl" in journal.problem
    assert "No space left on device" in journal.problem
    journal.close()


def test_a_waiter_is_woken_by_what_could_not_be_written(
    full_disk: Callable[[int], FullDisk], tmp_path: Path
) -> None:
    full_disk(1)
    journal = WatchedJournal(tmp_path / "journal.jsonl")
    with while_waiting(journal, lambda: journal.append("a", done(1))), at_once():
        assert journal.wait_until(lambda: bool(journal.recent()), Deadline(LONG))
    assert journal.problem


def test_a_journal_whose_folder_is_removed_is_made_again(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    journal = Journal(folder / "journal.jsonl")
    journal.append("a", done(1))
    shutil.rmtree(folder)
    journal.append("a", done(2))
    journal.close()
    lines = (folder / "journal.jsonl").read_text().splitlines()
    assert len([json.loads(line) for line in lines]) == 3
    assert journal.problem is None


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_bounded_journal_keeps_the_newest_entries(tmp_path: Path) -> None:
    path, older = tmp_path / "journal.jsonl", tmp_path / "journal.1.jsonl"
    older.write_text("of an earlier run")
    journal = Journal(path, most_bytes=4000)
    assert not older.exists()
    for number in range(200):
        journal.append("a", done(number))
        assert path.stat().st_size <= 2000
    assert older.stat().st_size <= 2000
    parts = [lines_of(older), lines_of(path)]
    assert [part[0]["schema"] for part in parts] == ["srtpbot.journal/1"] * 2
    numbers = [line["event"]["request"] for part in parts for line in part[1:]]
    assert numbers == list(range(numbers[0], 200))
    assert 5 < len(numbers) < 100
    assert [stat.S_IMODE(one.stat().st_mode) for one in (path, older)] == [0o600] * 2


def test_the_older_part_goes_through_no_link(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("somebody's")
    journal = Journal(tmp_path / "journal.jsonl", most_bytes=2000)
    (tmp_path / "journal.1.jsonl").symlink_to(other)
    for number in range(50):
        journal.append("a", done(number))
    assert other.read_text() == "somebody's"
    assert not (tmp_path / "journal.1.jsonl").is_symlink()
