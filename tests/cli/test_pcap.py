"""``srtpbot pcap``: lists, files, exit status and messages."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot.capture import keylog
from bot.cli.pcap import KEYS, command
from bot.errors import ConfigError
from tests.support.commands import NewBot
from tests.support.process import FAILED, OK, USAGE
from tests.support.scene import ALICE, BOB, SUITE, Scene, inline, key_of, sdp

Run = Callable[..., int]
HERS, HIS = inline(SUITE, 1), inline(SUITE, 2)
SECRETS = [one.removeprefix("inline:") for one in (HERS, HIS)]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the command runs, with captures in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(KEYS, raising=False)
    media = Scene()
    media.talk(ALICE.media, BOB.media, key_of(SUITE, 1), ssrc=0xA)
    media.talk(BOB.media, ALICE.media, key_of(SUITE, 2), ssrc=0xB)
    media.write(tmp_path / "media.pcap")
    call = Scene()
    call.call(sdp(ALICE, f"1 {SUITE} {HERS}"), sdp(BOB, f"1 {SUITE} {HIS}"))
    call.sent += [(one[0] + 1, *one[1:]) for one in media.sent]
    call.write(tmp_path / "call.pcap")
    plain = Scene()
    plain.call(sdp(ALICE, f"1 {SUITE} {HERS}"), sdp(BOB, f"1 {SUITE} {HIS}"))
    plain.talk(ALICE.media, BOB.media, None, ssrc=0xA)
    plain.write(tmp_path / "plain.pcap")
    nothing = Scene()
    nothing.invite()
    nothing.write(tmp_path / "nothing.pcap")
    secrets = f"CLIENT_RANDOM {'0a' * 32} {'b0' * 48}\nCLIENT_TRAFFIC_SECRET_0 {'0a' * 32} {'b0' * 32}\n"
    (tmp_path / "tls.log").write_text(f"# by a browser\n{secrets}")
    return tmp_path


@pytest.fixture
def pcap(folder: Path) -> Run:
    """The command in this process: its exit status, or ConfigError."""

    def run(*arguments: str) -> int:
        status: Any = command.main(list(arguments), prog_name="pcap", standalone_mode=False)
        return int(status)

    return run


def test_all_of_it_from_the_shell(srtpbot: NewBot, folder: Path) -> None:
    listed = srtpbot("pcap", "streams", "call.pcap")
    assert listed.end() == OK, listed.said
    for word in (
        "192.0.2.1:4000",
        "0000000A",
        "PCMU/8000",
        "50/50",
        "alice@example -> sip:bob@example",
        SUITE,
    ):
        assert word in listed.stdout
    assert listed.stderr == ""

    parted = srtpbot("pcap", "split", "call.pcap", "--out", "parts")
    assert parted.end() == OK, parted.said
    assert "parts/0000000A.pcap" in parted.stdout

    opened = srtpbot("pcap", "decrypt", "call.pcap", "--out", "clear", "--json", "-")
    assert opened.end() == OK, opened.said
    assert opened.json()["schema"] == "srtpbot.decrypted/1"
    assert [one["file"] for one in opened.json()["recordings"]] == [
        "one@example-0000000A.wav",
        "one@example-0000000B.wav",
    ]
    assert opened.json()["stereo"] == ["one@example.wav"]
    assert "clear/rtp.pcap: 100 packets" in opened.stderr
    for bot in (listed, parted, opened):
        assert not [secret for secret in SECRETS if secret in bot.stdout + bot.stderr]


def test_wrong_use_is_one_line(srtpbot: NewBot, folder: Path) -> None:
    bot = srtpbot("pcap", "streams", "missing.pcap")
    assert bot.end() == USAGE, bot.said
    assert bot.stderr == "srtpbot: missing.pcap: no such file; check the path\n"


def test_streams_as_json(pcap: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert pcap("streams", "call.pcap", "--json", "out.json") == OK
    result = json.loads(Path("out.json").read_text())
    assert result["schema"] == "srtpbot.streams/1"
    assert result["file"] == "call.pcap"
    assert result["calls"][0]["call_id"] == "one@example"
    first = result["streams"][0]
    assert (first["ssrc"], first["kind"], first["packets"], first["lost"]) == (10, "SRTP", 50, 0)
    assert (first["offered"], first["answered"]) == ([SUITE], SUITE)
    assert first["protection"]["authenticated"] == 50
    assert not [secret for secret in SECRETS if secret in Path("out.json").read_text()]
    assert "0000000A" in capsys.readouterr().out


def test_plain_rtp_under_srtp_fails(pcap: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert pcap("streams", "plain.pcap") == FAILED
    assert "stream 1: 50 packets plain RTP where" in capsys.readouterr().out
    assert pcap("decrypt", "plain.pcap", "--out", "out") == FAILED
    assert Path("out/one@example-0000000A.wav").exists()


def test_without_keys_it_says_what_to_give(pcap: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert pcap("streams", "media.pcap") == OK  # nothing demands anything of them
    assert pcap("decrypt", "media.pcap", "--out", "out") == FAILED
    assert "give --keylog, --key-file or --key" in capsys.readouterr().err
    assert pcap("decrypt", "media.pcap", "--out", "other", "--key", f"{SUITE} {inline(SUITE, 9)}") == FAILED
    assert "2 streams stay closed: not opened by any key that is known" in capsys.readouterr().err


@pytest.mark.parametrize("way", ["keylog", "file", "option", "environment", "crypto line"])
def test_keys_from_elsewhere(way: str, pcap: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    logged = [keylog.line(keylog.LoggedKey("x", True, 1, SUITE, one)) for one in (HERS, HIS)]
    Path("log").write_text("".join(logged))
    Path("keys").write_text(f"# hers, then his\n{SUITE} {HERS}\n\n{SUITE} {HIS}\n")
    options = {
        "keylog": ["--keylog", "log"],
        "file": ["--key-file", "keys"],
        "option": ["--key", f"{SUITE} {HERS}", "--key", f"{SUITE} {HIS}"],
        "crypto line": ["--key", f"a=crypto:1 {SUITE} {HERS}", "--key", f"2 {SUITE} {HIS}"],
        "environment": [],
    }[way]
    if way == "environment":
        monkeypatch.setenv(KEYS, f"{SUITE} {HERS}\n{SUITE} {HIS}")
    assert pcap("decrypt", "media.pcap", "--out", "out", *options) == OK
    assert sorted(path.name for path in Path("out").iterdir()) == [
        "no-call-0000000A.wav",
        "no-call-0000000B.wav",
        "rtp.pcap",
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["split", "nothing.pcap", "--out", "out"], ["nothing.pcap", "no RTP streams"]),
        (["decrypt", "nothing.pcap", "--out", "out"], ["nothing.pcap", "no RTP streams"]),
        (["decrypt", "call.pcap", "--out", "."], ["--out", "has files in it"]),
        (["decrypt", "call.pcap", "--out", "call.pcap/x"], ["--out call.pcap/x"]),
        (["decrypt", "call.pcap", "--out", "a\0b"], ["--out"]),
        (["streams", "."], ["is a directory"]),
        (["streams", "call.pcap", "--json", "missing/x"], ["--json missing/x"]),
        (["streams", "call.pcap", "--json", "call.pcap"], ["would overwrite call.pcap"]),
        (["streams", "call.pcap", "--key", SUITE], ["--key, number 1", "SUITE inline:KEY"]),
        (["streams", "call.pcap", "--key", f"AES_1 {HERS}"], ["--key, number 1", "AES_1"]),
        (["streams", "call.pcap", "--key", f"{SUITE} inline:c2VjcmV0"], ["6 bytes where 30 are expected"]),
        (["streams", "call.pcap", "--key-file", "missing"], ["--key-file missing", "No such file"]),
        (["streams", "call.pcap", "--keylog", "missing"], ["missing", "No such file"]),
        (["streams", "call.pcap", "--keylog", "call.pcap"], ["call.pcap:1"]),
        (["streams", "call.pcap", "--keylog", "tls.log"], ["tls.log:2: is a TLS key log", "tshark -r"]),
        (["streams", "call.pcap", "--key-file", "tls.log"], ["--key-file tls.log:2: is a TLS key log"]),
    ],
)
def test_what_cannot_be_used(arguments: list[str], words: list[str], pcap: Run, folder: Path) -> None:
    before = sorted(folder.iterdir())
    with pytest.raises(ConfigError) as error:
        pcap(*arguments)
    for word in words:
        assert word in str(error.value)
    assert "c2VjcmV0" not in str(error.value)
    assert "\n" not in str(error.value)
    assert sorted(folder.iterdir()) == before


def test_no_streams_are_said(pcap: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert pcap("streams", "nothing.pcap") == OK
    call = "call 1: sip:alice@example -> sip:bob@example, one@example\n  no final response; no RTP of it\n"
    text = f"no RTP streams\n\n{call}"
    assert capsys.readouterr().out == text


def test_a_file_that_was_cut_is_read_to_where_it_ends(pcap: Run, capsys: pytest.CaptureFixture[str]) -> None:
    Path("cut.pcap").write_bytes(Path("call.pcap").read_bytes()[:-100])
    assert pcap("streams", "cut.pcap") == OK
    text = capsys.readouterr().out
    assert "49/49" in text
    assert "note: " in text
