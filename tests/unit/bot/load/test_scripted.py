"""The values of each call of a scenario, and its failures in one line."""

from __future__ import annotations

from bot.load.scripted import in_one_line, own_values


def test_calls_at_the_same_time_have_different_markers() -> None:
    values = [own_values(1, line, index, uri="sip:a@b", user="") for line in range(3) for index in range(4)]
    assert len({one["marker"] for one in values}) == 12
    first, fifth = (own_values(1, 2, index, uri="sip:a@b", user="") for index in (0, 4))
    assert first["marker"] == fifth["marker"]
    assert first["to"] == "sip:a@b"


def test_failures_in_one_line() -> None:
    text = (
        "a.yaml:6: steps[2].expect: call 1 uses codec\nexpected: G722\nobserved: PCMA\nCALLING\n"
        "a.yaml:6: steps[2].expect: call 1 received DTMF\nexpected: 99\nobserved: no digits"
    )
    assert in_one_line(text, "a.yaml") == (
        "a.yaml:6: steps[2].expect: call 1 uses codec (observed: PCMA) "
        "and steps[2].expect: call 1 received DTMF (observed: no digits)"
    )
