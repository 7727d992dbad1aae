"""bot.cli.command_line: the command of a report, without secrets."""

from __future__ import annotations

import pytest

from bot.cli.command_line import command_line


@pytest.mark.parametrize(
    "words",
    [
        ["--password", "geheim"],
        ["--password=geheim"],
        ["--pin", "geheim"],
        ["--key=AES_CM_128_HMAC_SHA1_80 inline:geheim"],
        ["--header", "Authorization: geheim"],
        ["--header=X-Token: geheim"],
        ["--var", "PASSWORD=geheim"],
        ["--var=api_token=geheim"],
        ["sip:alice:geheim@pbx.example"],
    ],
)
def test_no_secret_is_shown(words: list[str]) -> None:
    shown = command_line(["call", *words])
    assert "geheim" not in shown
    assert "redacted" in shown


def test_it_can_be_typed_again() -> None:
    assert command_line(["call", "sip:a b", "--header", "Subject: x"]) == (
        "srtpbot call 'sip:a b' --header 'Subject: x'"
    )
