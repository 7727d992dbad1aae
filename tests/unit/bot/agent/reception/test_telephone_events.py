"""One event is one timestamp (RFC 4733), whatever the library takes for a new digit."""

from __future__ import annotations

from bot.agent.reception.telephone_events import HeardDigits


def heard(*packets: tuple[str, int, int, bool, bool]) -> str:
    """The digits that began, with a dot where each ended; of digit, timestamp, duration, new, end."""
    digits, text = HeardDigits(), ""
    for digit, timestamp, duration, new, end in packets:
        packet = digits.hear(digit, timestamp, duration, new=new, end=end)
        text += (digit if packet.begun else "") + ("." if packet.ended else "")
    return text


def test_a_digit_begins_and_ends_once() -> None:
    assert (
        heard(("7", 100, 20, True, False), ("7", 100, 40, False, False), ("7", 100, 60, False, True)) == "7."
    )


def test_an_end_that_is_sent_again_after_the_next_digit_began() -> None:
    assert heard(
        ("7", 100, 20, True, False), ("7", 100, 60, False, True), ("8", 200, 20, True, False),
        ("7", 100, 60, True, True), ("8", 200, 40, True, False), ("8", 200, 60, False, True),
        ("7", 100, 60, True, True), ("8", 200, 60, True, True),
    ) == "7.8."  # fmt: skip


def test_an_end_that_comes_late() -> None:
    assert (
        heard(("7", 100, 20, True, False), ("8", 200, 20, True, False), ("7", 100, 60, True, True)) == "78."
    )


def test_the_same_digit_again_whose_first_packets_were_lost() -> None:
    assert (
        heard(("9", 100, 20, True, False), ("9", 300, 60, False, False), ("9", 300, 80, False, True)) == "99."
    )


def test_the_same_digit_twice() -> None:
    assert heard(("9", 100, 60, True, True), ("9", 300, 60, True, True)) == "9.9."


def test_a_sender_whose_timestamps_run_within_a_digit() -> None:
    packets = [("5", 100 + 20 * n, 20 * (n + 1), not n, n == 4) for n in range(5)]
    assert heard(*packets) == "5."
