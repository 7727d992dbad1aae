"""A peer that uses our own master key is found by the messages alone."""

from __future__ import annotations

import base64

import pytest

from bot.agent.shared_keys import MOST_CALLS, SharedKeys

KEY, OTHER = (base64.b64encode(bytes([seed]) * 30).decode() for seed in (1, 2))
SALTED = base64.b64encode(b"\1" * 16 + b"\3" * 14).decode()


def message(start: str, key: str, *, ours: str = "a", theirs: str = "", call_id: str = "one") -> str:
    to = f";tag={theirs}" if theirs else ""
    return (
        f"{start}\r\nf: <sip:a@x>;tag={ours}\r\nTo: <sip:b@x>{to}\r\nCall-ID: {call_id}\r\n\r\n"
        f"m=audio 4000 RTP/SAVP 8\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{key}|2^20\r\n"
    )


def offered(text: str = message("INVITE sip:b@x SIP/2.0", KEY)) -> SharedKeys:
    keys = SharedKeys()
    assert not keys.is_ours(text, sent=True)
    return keys


@pytest.mark.parametrize(
    ("key", "is_ours"), [(KEY, True), (KEY.rstrip("="), True), (SALTED, True), (OTHER, False)]
)
def test_the_answer(key: str, is_ours: bool) -> None:
    """A master key is the same with another salt."""
    assert offered().is_ours(message("SIP/2.0 200 OK", key, theirs="b"), sent=False) is is_ours


def test_an_offer_of_the_peer_in_the_dialog() -> None:
    keys = offered()
    assert not keys.is_ours(message("SIP/2.0 200 OK", OTHER, theirs="b"), sent=False)
    again = message("INVITE sip:a@x SIP/2.0", OTHER, ours="b", theirs="a")
    assert not keys.is_ours(again, sent=False)
    assert keys.is_ours(message("INVITE sip:a@x SIP/2.0", KEY, ours="b", theirs="a"), sent=False)


def test_the_answer_of_ours() -> None:
    keys = SharedKeys()
    assert not keys.is_ours(message("INVITE sip:b@x SIP/2.0", OTHER), sent=False)
    assert not keys.is_ours(message("SIP/2.0 200 OK", KEY, theirs="b"), sent=True)
    assert keys.is_ours(message("INVITE sip:b@x SIP/2.0", KEY, theirs="b"), sent=False)


def test_a_call_to_oneself_and_other_calls() -> None:
    """The same message comes back; and two calls through a server may have keys in common."""
    keys = offered()
    assert not keys.is_ours(message("INVITE sip:b@x SIP/2.0", KEY), sent=False)
    assert not keys.is_ours(message("SIP/2.0 200 OK", KEY, theirs="b", call_id="two"), sent=False)


def test_memory_is_bounded() -> None:
    keys = SharedKeys()
    for number in range(MOST_CALLS + 10):
        keys.is_ours(message("INVITE sip:b@x SIP/2.0", KEY, call_id=str(number)), sent=True)
    assert len(keys._ours) == MOST_CALLS


@pytest.mark.parametrize(
    "text", ["", "inline:AAAA", "Call-ID: x\r\ninline:A", "SIP/2.0 200 OK\r\ni: x\r\ninline:\r\n"]
)
def test_what_is_no_key(text: str) -> None:
    assert not SharedKeys().is_ours(text, sent=True)
    assert not SharedKeys().is_ours(text, sent=False)
