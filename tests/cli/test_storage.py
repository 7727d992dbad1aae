"""Files of a run: for their owner only, never through a link; a full disk ends a recording and no service."""

from __future__ import annotations

import resource
import shutil
import signal
import stat
import sys
from pathlib import Path

import psutil
import pytest
import soundfile

from tests.support.commands import NewBot
from tests.support.process import OK, TROUBLE

NAMES = ["result.json", "junit.xml", "report.html", "sip.pcap", "journal.jsonl"]


@pytest.mark.parametrize("name", [*NAMES, ""])
def test_a_link_in_out_is_refused(name: str, answer: NewBot, call: NewBot, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious").write_text("precious")
    if name:
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / name).symlink_to(elsewhere / "precious")
    else:
        (tmp_path / "out").symlink_to(elsewhere)
    bot = call("sip:nobody@127.0.0.1:9", "--out", "out")
    assert bot.end() == TROUBLE
    assert "is a symbolic link, which is not followed" in bot.stderr
    assert (elsewhere / "precious").read_text() == "precious"
    assert [path.name for path in elsewhere.iterdir()] == ["precious"]


@pytest.mark.parametrize("option", ["--record", "--json", "--junit", "--keylog"])
def test_a_link_that_an_option_names_is_refused(option: str, call: NewBot, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "link.wav").symlink_to(tmp_path / "precious")
    bot = call("sip:nobody@127.0.0.1:9", option, "link.wav")
    assert bot.end() == TROUBLE
    assert "link.wav: is a symbolic link" in bot.stderr
    assert (tmp_path / "precious").read_text() == "precious"


@pytest.mark.parametrize(("name", "leads_to"), [("messages", "elsewhere"), ("messages/.lock", "precious")])
def test_a_link_for_messages_is_refused(name: str, leads_to: str, answer: NewBot, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "precious").write_text("precious")
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).symlink_to(tmp_path / leads_to)
    bot = answer("--as", "machine", "--messages", "messages", "--greeting", "tone:440:0.3")
    assert bot.end() == TROUBLE
    assert "is a symbolic link" in bot.stderr
    assert (tmp_path / "precious").read_text() == "precious"
    assert not any((tmp_path / "elsewhere").iterdir())


def test_a_link_for_a_signal_is_refused(srtpbot: NewBot, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "link.wav").symlink_to(tmp_path / "precious")
    bot = srtpbot("audio", "make", "tone:440:1", "link.wav")
    assert bot.end() == TROUBLE, bot.said
    assert (tmp_path / "precious").read_text() == "precious"


def test_everything_is_for_its_owner_only(answer: NewBot, call: NewBot, tmp_path: Path) -> None:
    (tmp_path / "rx.wav").touch(0o666)
    (tmp_path / "rx.wav").chmod(0o666)
    (tmp_path / "precious").hardlink_to(tmp_path / "rx.wav")
    callee = answer("--calls", "1", "--record", "heard/callee.wav", "--srtp", "mandatory")
    options = ["--record", "rx.wav", "--out", "out", "--keylog", "keys", "--srtp", "mandatory"]
    assert call(callee.uri(), "--play", "speech:1", *options).end() == OK
    assert callee.end() == OK
    modes = {
        str(path.relative_to(tmp_path)): stat.S_IMODE(path.stat().st_mode)
        for path in tmp_path.rglob("*")
        if path.name != "precious"
    }
    files = [f"out/{name}" for name in NAMES] + ["rx.wav", "heard/callee.wav", "keys"]
    assert modes == dict.fromkeys(files, 384) | {"out": 0o700, "heard": 0o700}
    assert (tmp_path / "precious").read_bytes() == b""
    assert soundfile.info(tmp_path / "rx.wav").duration > 0.9


@pytest.mark.skipif(sys.platform != "linux", reason="prlimit is Linux's")
def test_a_full_disk_ends_the_recording_and_the_journal(answer: NewBot, call: NewBot, tmp_path: Path) -> None:
    callee = answer("--record", "rx.wav", "--out", "out", "--calls", "2")
    uri = callee.uri()
    for process in (callee.pid, *(agent.pid for agent in callee.wait_for_agents())):
        resource.prlimit(process, resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
    assert call(uri, "--play", "speech:4").end() == OK
    assert call(uri, "--duration", "1").end() == OK
    assert callee.end() == TROUBLE, callee.said
    assert "rx.wav: the recording ends: File too large" in callee.stderr
    assert soundfile.info(tmp_path / "rx.wav").duration > 0.5
    assert soundfile.info(tmp_path / "rx-2.wav").duration > 0.5


def test_a_folder_that_is_removed_is_made_again(answer: NewBot, call: NewBot, tmp_path: Path) -> None:
    callee = answer("--out", "out", "--calls", "1")
    uri = callee.uri()
    shutil.rmtree(tmp_path / "out")
    assert call(uri, "--duration", "1").end() == OK
    assert callee.end() == OK, callee.said
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(NAMES)


def test_a_folder_that_has_become_a_file_is_told(answer: NewBot, call: NewBot, tmp_path: Path) -> None:
    callee = answer("--out", "out", "--calls", "1")
    uri = callee.uri()
    shutil.rmtree(tmp_path / "out")
    (tmp_path / "out").write_text("precious")
    assert call(uri, "--duration", "1").end() == OK
    assert callee.end() == TROUBLE, callee.said
    assert "out/journal.jsonl: Not a directory" in callee.stderr
    assert "Errno" not in callee.stderr
    assert (tmp_path / "out").read_text() == "precious"


@pytest.mark.parametrize("at_the_end", [False, True], ids=["in the call", "as it ends"])
def test_a_recording_that_is_removed_is_told(
    at_the_end: bool, answer: NewBot, call: NewBot, tmp_path: Path
) -> None:
    """Its audio is lost, which is no pass; the next recording is made in a new folder."""
    callee = answer("--record", "heard/rx.wav", "--calls", "2")
    caller = call(callee.uri(), "--play", "speech:30")
    caller.until(lambda: recorded_s(tmp_path / "heard/rx.wav") > 0.5)
    shutil.rmtree(tmp_path / "heard")
    if not at_the_end:
        callee.until(lambda: "rx.wav: the recording ends" in callee.stderr)
    caller.send(signal.SIGINT)
    caller.end()
    assert call(callee.uri(), "--duration", "1").end() == OK
    assert callee.end() == TROUBLE, callee.said
    assert callee.stderr.count("heard/rx.wav: the recording ends: the file was removed") == 1
    assert soundfile.info(tmp_path / "heard/rx-2.wav").duration > 0.5


def test_a_recording_is_readable_while_it_is_made(answer: NewBot, call: NewBot, tmp_path: Path) -> None:
    callee = answer("--calls", "1")
    caller = call(callee.uri(), "--record", "rx.wav", "--play", "speech:30")
    caller.until(lambda: recorded_s(tmp_path / "rx.wav") > 1.0)
    for process in [*caller.wait_for_agents(), psutil.Process(caller.pid)]:
        process.kill()
    header = (tmp_path / "rx.wav").read_bytes()[:44]
    size = int.from_bytes(header[40:44], "little")
    assert int.from_bytes(header[4:8], "little") == size + 36
    assert size > 16_000
    assert soundfile.info(tmp_path / "rx.wav").duration > 0.9


def recorded_s(path: Path) -> float:
    """By the header alone, at 8000 Hz or more."""
    try:
        return int.from_bytes(path.read_bytes()[40:44], "little") / 32_000
    except OSError:
        return 0.0
