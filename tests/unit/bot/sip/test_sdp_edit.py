"""bot.sip.sdp_edit: regular expressions over a session description."""

from __future__ import annotations

import pytest

from bot.errors import ConfigError
from bot.sip.sdp_edit import SdpEdit, checked_edits, edited
from tests.support.fakes import KEY

CRYPTO = f"a=crypto:1 A inline:{KEY}\r\na=crypto:2 B inline:{KEY}\r\n"
SDP = f"v=0\r\nm=audio 4000 RTP/SAVP 8\r\n{CRYPTO}a=sendrecv\r\n"


@pytest.mark.parametrize(
    ("edits", "lines"),
    [
        ([], SDP),
        ([("RTP/SAVP", "RTP/AVP")], SDP.replace("SAVP", "AVP")),
        ([(r"^a=crypto.*\r\n", "")], "v=0\r\nm=audio 4000 RTP/SAVP 8\r\na=sendrecv\r\n"),
        ([(r"^a=crypto:(\d)", r"a=crypto:7\1")], SDP.replace("crypto:", "crypto:7")),
        ([("sendrecv", "sendonly"), ("sendonly", "inactive")], SDP.replace("sendrecv", "inactive")),
        ([(r"\Z", "m=video 0 RTP/AVP 34\r\n")], SDP + "m=video 0 RTP/AVP 34\r\n"),
    ],
)
def test_every_match_is_replaced_in_order(edits: list[SdpEdit], lines: str) -> None:
    assert edited(SDP, edits) == lines


def test_an_edit_that_matches_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"edit_sdp: 'a=ptime' matches nothing in it"):
        edited(SDP, [("a=sendrecv", "a=sendonly"), ("a=ptime", "")])


@pytest.mark.parametrize(
    ("edit", "problem"),
    [
        (("(", ""), "unterminated subpattern"),
        (("a", r"\1"), "invalid group reference"),
        (("a", r"\q"), "bad escape"),
    ],
)
def test_an_edit_that_is_none(edit: SdpEdit, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        checked_edits([("v=0", "v=1"), edit])


def test_good_edits_stay_as_they_are() -> None:
    edits = [(r"^(a)=b", r"\1=c"), ("x", "")]
    assert checked_edits(tuple(edits)) == edits


def test_no_error_shows_a_key() -> None:
    with pytest.raises(ConfigError) as wrong:
        checked_edits([(f"a=crypto:1 A inline:{KEY}(", f"a=crypto:1 A inline:{KEY}")])
    with pytest.raises(ValueError, match="matches nothing") as unmatched:
        edited("v=0", [(f"inline:{KEY}", "")])
    assert KEY not in f"{wrong.value}{unmatched.value}"
