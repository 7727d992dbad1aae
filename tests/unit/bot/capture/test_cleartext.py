"""Plain RTP or SRTP of an unknown key: by lengths, and by chance."""

from __future__ import annotations

import random

import pytest

from bot.capture.cleartext import PlainOrNot, looks_plain
from media.rtp.srtp import SUITES


@pytest.mark.parametrize(
    ("codec", "sizes"),
    [
        ("PCMU", (80, 160, 240, 320)),
        ("pcma", (160, 400)),
        ("G722", (160, 320)),
        ("GSM", (33, 66)),
        ("G726-32", (80, 120)),
    ],
)
def test_lengths_tell(codec: str, sizes: tuple[int, ...]) -> None:
    for size in sizes:
        assert looks_plain(codec, size)
        for suite in SUITES.values():
            assert looks_plain(codec, size + suite.tag_length) is False


@pytest.mark.parametrize(
    ("codec", "size"),
    [
        ("G729", 20),
        ("G729", 30),
        ("opus", 77),
        (None, 170),
        ("PCMU", 161),
        ("CN", 11),
        ("telephone-event", 8),
    ],
)
def test_lengths_that_do_not_tell(codec: str | None, size: int) -> None:
    assert looks_plain(codec, size) is None


@pytest.mark.parametrize("count", [16, 40, 64, 1000])
def test_first_bytes_tell(count: int) -> None:
    chance = random.Random(count)
    ciphertext, frames = PlainOrNot(), PlainOrNot()
    for _ in range(count):
        ciphertext.add("opus", chance.randbytes(40))
        frames.add("opus", bytes([chance.choice((0x78, 0x79, 0xF8))]) + chance.randbytes(39))
    ciphertext.conclude()
    frames.conclude()
    assert (ciphertext.plain, ciphertext.protected) == (0, count)
    assert (frames.plain, frames.protected) == (count, 0)


def test_an_empty_payload_is_plain() -> None:
    assert PlainOrNot().add(None, b"")


def test_events_and_comfort_noise() -> None:
    assert looks_plain("telephone-event", 4)
    assert looks_plain("telephone-event", 14) is False
    assert looks_plain("CN", 1)


def test_what_sdp_says_is_plain_is_plain() -> None:
    event = PlainOrNot(said_plain=True)
    for size in (0, 1, 10, 170, 171):
        assert event.add("PCMU", bytes(size))
    assert (event.plain, event.protected) == (5, 0)
