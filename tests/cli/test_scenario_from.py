"""srtpbot scenario from: what it writes and says, and how it refuses."""

from __future__ import annotations

from pathlib import Path

from media.capture.writer import FILE_HEADER
from tests.support.commands import NewBot, srtpbot
from tests.support.process import OK, USAGE
from tests.support.traces import Trace

__all__ = ["srtpbot"]


def two_calls(folder: Path) -> Path:
    """A capture with two calls."""
    first = Trace("one@call").invite().answered().write(folder / "one.pcap").read_bytes()
    second = Trace("two@call").invite("Subject: second").answered().write(folder / "two.pcap").read_bytes()
    path = folder / "trace.pcap"
    path.write_bytes(first + second.removeprefix(FILE_HEADER))
    return path


def test_a_call_is_chosen_by_number_or_call_id(srtpbot: NewBot, tmp_path: Path) -> None:
    two_calls(tmp_path)
    bot = srtpbot("scenario", "from", "trace.pcap")
    assert bot.end() == USAGE
    assert "has 2 calls; choose one with --call" in bot.stderr
    assert "--call 2: <sip:alice@example.com> to <sip:bob@example.com>" in bot.stderr
    assert "Traceback" not in bot.said
    for call, out in (("2", "a.yaml"), ("two@call", "b.yaml")):
        bot = srtpbot("scenario", "from", "trace.pcap", "--call", call, "--out", out)
        assert bot.end() == OK, bot.said
        assert f"written: {out}" in bot.stdout
        assert "not taken over: the capture ends before the call" in bot.stdout
        assert 'Subject: "second"' in (tmp_path / out).read_text()
    bot = srtpbot("scenario", "from", "trace.pcap", "--call", "2", "--out", "a.yaml")
    assert bot.end() == USAGE
    assert "a.yaml: exists; name another file with --out" in bot.stderr


def test_a_capture_without_calls_is_refused(srtpbot: NewBot, tmp_path: Path) -> None:
    (tmp_path / "empty.pcap").write_bytes(FILE_HEADER)
    for file, words in (("empty.pcap", "has no call that begins with an INVITE"), ("none.pcap", "none.pcap")):
        bot = srtpbot("scenario", "from", file)
        assert bot.end() == USAGE
        assert words in bot.stderr
        assert "Traceback" not in bot.said
