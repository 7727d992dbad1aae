"""The codecs of one call: others leave the m= line with their attributes, what goes with any codec stays."""

from __future__ import annotations

import pytest

from bot.agent.sdp.codec_filter import only_codecs

OFFER = (
    "v=0\r\nm=audio 4000 RTP/SAVP 8 0 9 96 97 101 13\r\nc=IN IP4 127.0.0.1\r\n"
    "a=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:9 G722/8000\r\n"
    "a=rtpmap:96 speex/8000\r\na=rtpmap:97 speex/16000\r\na=fmtp:97 mode=any\r\n"
    "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=rtpmap:13 CN/8000\r\na=sendrecv\r\n"
)


@pytest.mark.parametrize(
    ("codecs", "formats", "maps"),
    [
        (["PCMU"], "0 101 13", [0]),
        (["pcmu", "PCMA"], "0 8 101 13", [8, 0]),
        (["speex"], "96 97 101 13", [96, 97]),
        (["speex/16000", "G722/16000"], "97 9 101 13", [9, 97]),
        (["-speex"], "8 0 9 101 13", [8, 0, 9]),
        (["-speex/16000", "-pcma"], "0 9 96 101 13", [0, 9, 96]),
    ],
)
def test_only_these_in_this_order(codecs: list[str], formats: str, maps: list[int]) -> None:
    changed = only_codecs(OFFER, codecs)
    assert f"m=audio 4000 RTP/SAVP {formats}\r\n" in changed
    mapped = [int(line[9:].split()[0]) for line in changed.split("\r\n") if line.startswith("a=rtpmap:")]
    assert mapped == [*maps, 101, 13]
    assert ("a=fmtp:97" in changed) is (97 in maps)
    assert changed.endswith("a=sendrecv\r\n")


def test_all_of_them_is_the_same() -> None:
    assert only_codecs(OFFER, ["PCMA", "PCMU", "G722", "speex"]) == OFFER


def test_nothing_is_left() -> None:
    with pytest.raises(ValueError, match="leaves no codec of this endpoint"):
        only_codecs(OFFER, ["-PCMA", "-PCMU", "-G722", "-speex"])


@pytest.mark.parametrize("codec", ["GSM", "speex/32000", "PCM", "G722/8000"])
def test_one_that_is_not_there(codec: str) -> None:
    with pytest.raises(
        ValueError, match=f"{codec} is not among the codecs .*: PCMA, PCMU, G722, SPEEX, SPEEX"
    ):
        only_codecs(OFFER, ["PCMA", codec])
