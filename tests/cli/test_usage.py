"""Usage errors: exit status 2, one line that names the error, no traceback, no packet."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.certificates import Authority
from tests.support.commands import NewBot
from tests.support.process import OK, USAGE, Bot
from tests.support.starting import LOOPBACK

URI = f"sip:nobody@{LOOPBACK}:9"


def blamed(bot: Bot, *words: str) -> None:
    """It ended with 2 and a message of one line that has these words."""
    assert bot.end(timeout=15) == USAGE, bot.said
    assert "Traceback" not in bot.said
    assert "ready" not in bot.stdout
    complaints = [line for line in bot.stderr.splitlines() if line.startswith(("srtpbot: ", "Error: "))]
    assert len(complaints) == 1, bot.said
    assert all(word in complaints[0] for word in words), f"{words} not in\n{bot.said}"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["call", URI, "--sutie", "x"], ["--sutie", "--suite"]),
        (["call", URI, "--suite", "AES_CM_128_HMAC_SHA1_8"], ["--suite", "AES_CM_128_HMAC_SHA1_80"]),
        (["call", URI, "--expect-suite", "none"], ["--expect-suite"]),
        (["call", URI, "--srtp", "mandatory", "--srtp-requires", "tls"], ["--srtp-requires", URI]),
        (["call", URI, "--srtp", "always"], ["--srtp", "mandatory"]),
        (["call", URI, "--codec", "PCMX"], ["--codec", "PCMX", "PCMA"]),
        (["call", URI, "--codec", "a=b"], ["--codec: ", "a=b"]),
        (["call", URI, "--port", "sip"], ["--port", "sip"]),
        (["call", URI, "--port", "70000"], ["--port", "70000"]),
        (["call", URI, "--duration", "-1"], ["--duration"]),
        (["call", URI, "--cancel-after", "inf"], ["--cancel-after", "inf"]),
        (["ping", URI, "--timeout", "nan"], ["--timeout", "nan"]),
        (
            ["register", "--registrar", f"sip:{LOOPBACK}:9;transport=tcp", "--user", "u", "--password", "p"],
            ["--registrar: ", "needs the transport tcp", "--transport tcp"],
        ),
        (["call", URI, "--transport", "sctp"], ["--transport", "sctp", "tcp"]),
        (["call", URI, "--bind", "localhost"], ["--bind: ", "localhost"]),
        (["call", URI, "--bind", "::1"], ["--bind: ", "::1", "IPv6"]),
        (["call", URI, "--rtp-ports", "4000"], ["--rtp-ports: ", "4000"]),
        (["call", URI, "--id", "alice"], ["--id: ", "alice"]),
        (["call", URI, "--registrar", "example.org"], ["--registrar: ", "example.org"]),
        (["call"], ["URI"]),
        (["call", "bob"], ["bob"]),
        (["call", "http://127.0.0.1/"], ["http"]),
        (["call", "sip:bob@[::1]"], ["IPv6"]),
        (["call", "sip:bob@127.0.0.1:70000"], ["70000"]),
        (["call", f"{URI};transport=tcp"], ["tcp", "--transport"]),
        (["call", URI, "--header", "no colon"], ["--header: ", "no colon"]),
        (["call", URI, "--header", "Bad Name: x"], ["Bad Name"]),
        (["call", URI, "--header", "X-A: 1\r\nX-B: 2"], ["X-A"]),
        (["call", URI, "--expect-header", "X-A: ["], ["--expect-header", "X-A", "regular expression"]),
        (["call", URI, "--dtmf", "12X"], ["--dtmf: ", "'X'", "0-9"]),
        (["call", URI, "--dtmf", "1", "--dtmf-method", "sms"], ["--dtmf-method", "rfc4733"]),
        (
            ["call", URI, "--expect-dtmf", "1", "--expect-dtmf-method", "sms"],
            ["--expect-dtmf-method", "inband"],
        ),
        (["call", URI, "--keylog", "-"], ["--keylog", "standard output"]),
        (["interop", URI, "--save", "-"], ["--save", "standard output"]),
        (["call", URI, "--json", "r", "--junit", "./r"], ["--json", "--junit", "overwrite"]),
        (["call", URI, "--capture", "x", "--keylog", "x"], ["--capture", "--keylog", "overwrite"]),
        (["call", URI, "--record", "r.wav", "--json", "r.wav"], ["--record", "--json", "overwrite"]),
        (["interop", URI, "--save", "r", "--json", "r"], ["--save", "--json", "overwrite"]),
        (["call", URI, "--min-digit-ms", "60"], ["--min-digit-ms needs", "--expect-dtmf DIGITS"]),
        (["call", URI, "--max-delay-ms", "100"], ["--max-delay-ms", "--expect-audio FILE|SIGNAL"]),
        (["answer", "--max-missing-ms", "100"], ["--max-missing-ms", "--expect-audio FILE|SIGNAL"]),
        (["call", URI, "--max-missing-ms", "nan"], ["--max-missing-ms", "nan"]),
        (["call", URI, "--max-level-step-db", "6"], ["--max-level-step-db", "--expect-audio FILE|SIGNAL"]),
        (["call", URI, "--passes", "2"], ["--passes", "--expect-audio FILE|SIGNAL"]),
        (
            ["call", URI, "--expect-dtmf", "1", "--min-digit-ms", "90", "--max-digit-ms", "60"],
            ["--min-digit-ms", "at least 90 ms and at most 60 ms"],
        ),
        (["call", URI, "--expect-dtmf-method", "inband"], ["--expect-dtmf-method", "--expect-dtmf DIGITS"]),
        (["answer", "--expect-dtmf-method", "info"], ["--expect-dtmf-method", "--expect-dtmf DIGITS"]),
        (["call", URI, "--play", "missing.wav"], ["--play", "missing.wav", "no such file"]),
        (["call", URI, "--play", "empty.wav"], ["empty.wav", "is empty"]),
        (["call", URI, "--play", "text.wav"], ["text.wav", "is not audio"]),
        (
            ["call", URI, "--play", "speach:2"],
            ["--play: speach:2: ", "no such file", "did you mean 'speech'"],
        ),
        (["call", URI, "--play", "speech:x"], ["--play: ", "'x' is no length", "seconds such as"]),
        (
            ["call", URI, "--expect-audio", "marker:x", "--record", "rx.wav"],
            ["--expect-audio: ", "marker:x", "whole number from 0 to 65535"],
        ),
        (
            ["call", URI, "--expect-audio", "silence:2", "--record", "rx.wav"],
            ["--expect-audio: ", "silence:2", "silent"],
        ),
        (["answer", "--as", "player", "--play", "tome:440"], ["--play: tome:440: ", "did you mean 'tone'"]),
        (
            ["answer", "--as", "machine", "--messages", "m", "--greeting", "tome:440"],
            ["greeting: ", "tome:440: ", "did you mean 'tone'"],
        ),
        (
            ["call", URI, "--expect-audio", "missing.wav", "--record", "rx.wav"],
            ["--expect-audio", "missing.wav"],
        ),
        (["call", URI, "--expect-audio", "text.wav", "--record", "rx.wav"], ["text.wav", "is not audio"]),
        (["call", URI, "--expect-audio", "silence.wav", "--record", "rx.wav"], ["silence.wav", "silent"]),
        (["call", URI, "--expect-audio", "tone.wav"], ["--expect-audio", "--record"]),
        (["call", URI, "--record", "text.wav/rx.wav"], ["text.wav/rx.wav"]),
        (["call", URI, "--record", "."], ["cannot record"]),
        (["call", URI, "--out", "text.wav"], ["--out", "text.wav"]),
        (["call", URI, "--json", "missing/result.json"], ["--json", "missing/result.json"]),
        (["call", URI, "--json", "."], ["--json"]),
        (["call", URI, "--junit", "missing/junit.xml"], ["--junit", "missing/junit.xml"]),
        (["call", URI, "--keylog", "missing/keys"], ["--keylog", "missing/keys"]),
        (["call", URI, "--capture", "missing/x.pcap"], ["--capture", "missing/x.pcap", "folder"]),
        (["call", URI, "--capture", "-"], ["--capture", "standard output"]),
        (["call", URI, "--capture", "/dev/null"], ["--capture", "/dev/null", "device"]),
        (["call", URI, "--json", "-", "--junit", "-"], ["--json", "--junit"]),
        (
            ["call", URI, "--transport", "tls", "--tls-ca", "missing.pem"],
            ["--tls-ca: ", "missing.pem", "no such file"],
        ),
        (["call", URI, "--transport", "tls", "--tls-ca", "text.wav"], ["--tls-ca: ", "text.wav", "PEM"]),
        (["answer", "--transport", "tls"], ["certificate", "--tls-cert"]),
        (["answer", "--transport", "tls", "--tls-cert", "text.wav"], ["key"]),
        (["answer", "--as", "player"], ["--play"]),
        (["answer", "--as", "machine"], ["--messages"]),
        (["answer", "--as", "parrot", "--code", "486"], ["--code", "parrot has no such option"]),
        (["answer", "--as", "redirect"], ["--contact"]),
        (["answer", "--as", "ivr", "--menu", "nothing.yaml"], ["nothing.yaml", "no such file"]),
        (["answer", "--as", "parot"], ["--as", "parrot"]),
        (["answer", "--as", "reject", "--code", "200"], ["--code"]),
        (["answer", "--expect-audio", "tone.wav"], ["--expect-audio", "--record"]),
        (["answer", "--record", "text.wav/rx.wav"], ["text.wav/rx.wav"]),
        (["answer", "--as", "player", "--play", "text.wav"], ["text.wav", "is not audio"]),
        (["cal", URI], ["'cal'", "'call'"]),
        (["schema", "results"], ["results", "result"]),
    ],
    ids=lambda value: " ".join(value)[:60] if isinstance(value, list) else None,
)
def test_wrong_use(arguments: list[str], words: list[str], srtpbot: NewBot, files: Path) -> None:
    blamed(srtpbot(*arguments), *words)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder, the command's own, with files of all sorts."""
    from media.audio import wav
    from media.signals.tones import silence, tone

    (tmp_path / "empty.wav").write_bytes(b"")
    (tmp_path / "text.wav").write_text("this is no audio\n" * 100)
    wav.write(tmp_path / "tone.wav", tone([440], 1, 8000))
    wav.write(tmp_path / "silence.wav", silence(1, 8000))
    return tmp_path


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name: a\ncodec: [PCMA]\n", [":2:", "codec", "codecs"]),
        ("name: a\nport: many\n", [":2:", "port"]),
        ("suites: [AES_CM_128]\n", [":1:", "suites[0]"]),
        ("name: a\n\nsrtp: sometimes\n", [":3:", "srtp", "optional"]),
        ("tls:\n  cret: x.pem\n", [":2:", "tls.cret", "cert"]),
        ("name: [\n", ["config.yaml:"]),
        ("- name\n", ["config.yaml"]),
        ("password: ${SRTPBOT_NO_SUCH_VARIABLE}\n", [":1:", "SRTPBOT_NO_SUCH_VARIABLE"]),
    ],
    ids=[
        "unknown key",
        "wrong type",
        "unknown suite",
        "unknown mode",
        "nested key",
        "no YAML",
        "list",
        "variable",
    ],
)
@pytest.mark.parametrize("command", [["call", URI], ["answer"]], ids=["call", "answer"])
def test_wrong_config_file(
    command: list[str], text: str, words: list[str], srtpbot: NewBot, tmp_path: Path
) -> None:
    (tmp_path / "config.yaml").write_text(text)
    blamed(srtpbot(*command, "--config", "config.yaml"), "config.yaml", *words)


def test_missing_config_file(srtpbot: NewBot) -> None:
    blamed(srtpbot("call", URI, "--config", "no.yaml"), "no.yaml", "no such file")


def test_key_of_another_certificate(srtpbot: NewBot, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    one, other = authority.issue("one.example"), authority.issue("other.example")
    bot = srtpbot("answer", "--transport", "tls", "--tls-cert", one.cert, "--tls-key", other.key)
    blamed(bot, "--tls-key: ", str(other.key), "is not the private key of the certificate")


def test_certificate_without_its_key(srtpbot: NewBot, tmp_path: Path) -> None:
    one = Authority(tmp_path).issue("one.example")
    blamed(srtpbot("answer", "--transport", "tls", "--tls-cert", one.cert), "cert", "key")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
@pytest.mark.parametrize(
    "option",
    [["--out", "{}/out"], ["--record", "{}/rx.wav"], ["--json", "{}/result.json"]],
    ids=lambda one: one[0],
)
def test_folder_that_may_not_be_written(option: list[str], srtpbot: NewBot, tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    blamed(srtpbot("call", URI, option[0], option[1].format(locked)), "Permission denied")


@pytest.fixture
def lines(srtpbot: NewBot) -> Callable[..., list[str]]:
    def run(*arguments: str) -> list[str]:
        bot = srtpbot(*arguments)
        assert bot.end() == 0, bot.said
        return bot.stdout.splitlines()

    return run


@pytest.mark.parametrize("command", ["call", "answer", "demo", "doctor", "schema"])
def test_help(command: str, lines: Callable[..., list[str]]) -> None:
    shown = lines(command, "--help")
    assert shown[0].startswith(f"Usage: srtpbot {command}")
    assert any(command in line for line in lines("--help")[1:])
    assert max(map(len, shown)) <= 110


def test_version(lines: Callable[..., list[str]]) -> None:
    import bot

    assert lines("--version") == [f"srtpbot {bot.__version__}"]


def test_doctor(lines: Callable[..., list[str]]) -> None:
    text = "\n".join(lines("doctor"))
    for word in ("PJSIP", "PCMA/8000", "AES_CM_128_HMAC_SHA1_80", "OpenSSL", "at once in an endpoint"):
        assert word in text


@pytest.mark.parametrize("subject", ["result", "endpoint", "scenario"])
def test_schema_has_a_description_of_every_property(subject: str, srtpbot: NewBot) -> None:
    bot = srtpbot("schema", subject)
    assert bot.end() == 0
    schema = bot.json()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert bot.stderr == ""
    without = [
        f"{name}.{key}"
        for name, definition in schema["$defs"].items()
        for key, value in definition.get("properties", {}).items()
        if not value.get("description")
    ]
    assert without == []


@pytest.mark.parametrize("group", ["pcap", "audio"])
def test_a_group_says_of_each_command_what_it_does(group: str, srtpbot: NewBot) -> None:
    bot = srtpbot(group, "--help")
    assert bot.end() == OK, bot.said
    _, _, commands = bot.stdout.partition("Commands:")
    assert commands
    assert "..." not in commands
