"""Errors for codecs that the build lacks: file, line and key, before the first call."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.commands import NewBot
from tests.support.process import USAGE
from tests.support.starting import LOOPBACK

GOOD = """\
name: good
defaults: {bind: 127.0.0.1}
endpoints:
  a:
    codecs: [PCMA]
  b: {as: parrot}
steps:
  - call: {from: a, to: b}
  - expect: {on: a, state: confirmed, codec: PCMA}
  - reinvite: {on: a, codecs: [PCMA]}
"""


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            "codecs: [PCMA]\n  b",
            "codecs: [PCMA, PCMX]\n  b",
            "s.yaml:5: endpoints.a.codecs[1]: codec 'PCMX' is not",
        ),
        ("codec: PCMA", "codec: G729", "s.yaml:9: steps[1].expect.codec: codec 'G729' is not in this build"),
        (
            "on: a, codecs: [PCMA]",
            "on: a, codecs: [opus]",
            "s.yaml:10: steps[2].reinvite.codecs[0]: codec 'opus'",
        ),
        ("codecs: [PCMA]\n  b", "config: e.yaml\n  b", "e.yaml:2: codecs[0]: codec 'PCMA/16000' is not"),
        ("codecs: [PCMA]\n  b", "suites: [AES]\n  b", "s.yaml:5: endpoints.a.suites[0]: "),
        ("codecs: [PCMA]\n  b", "transports: [sctp]\n  b", "s.yaml:5: endpoints.a.transports[0]: "),
    ],
)
def test_a_scenario_is_checked_before_the_first_one_runs(
    old: str, new: str, words: str, srtpbot: NewBot, tmp_path: Path
) -> None:
    assert old in GOOD
    (tmp_path / "good.yaml").write_text(GOOD)
    (tmp_path / "s.yaml").write_text(GOOD.replace(old, new))
    (tmp_path / "e.yaml").write_text("bind: 127.0.0.1\ncodecs: [PCMA/16000]\n")
    bot = srtpbot("run", "good.yaml", "s.yaml")
    assert bot.end() == USAGE, bot.said
    assert words in bot.stderr
    assert "good" not in bot.stdout


@pytest.mark.parametrize("endpoint", ["", "{}", "{srtp: mandatory}"])
def test_a_setting_from_the_defaults_has_their_line(endpoint: str, srtpbot: NewBot, tmp_path: Path) -> None:
    text = GOOD.replace("127.0.0.1}", "127.0.0.1, codecs: [PCMA, G729]}").replace(
        "\n    codecs: [PCMA]", endpoint
    )
    (tmp_path / "s.yaml").write_text(text.replace("a:", "a: "))
    bot = srtpbot("run", "s.yaml")
    assert bot.end() == USAGE, bot.said
    assert "s.yaml:2: endpoints.a.codecs[1]: codec 'G729' is not in this build" in bot.stderr


@pytest.mark.parametrize(
    "command", [["call", f"sip:nobody@{LOOPBACK}:9"], ["answer"], ["register"], ["ping", "sip:x@h"]]
)
def test_an_endpoint_file(command: list[str], srtpbot: NewBot, tmp_path: Path) -> None:
    (tmp_path / "e.yaml").write_text("bind: 127.0.0.1\ncodecs:\n  - PCMA\n  - speex/11025\n")
    bot = srtpbot(*command, "--config", "e.yaml")
    assert bot.end() == USAGE, bot.said
    assert "e.yaml:4: codecs[1]: codec 'speex/11025' is not in this build (did you mean 'speex/" in bot.stderr
