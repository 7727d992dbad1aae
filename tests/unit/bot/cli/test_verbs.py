"""bot.cli.verbs: ``call --do`` becomes steps of a scenario; a mistake is told with its position."""

from __future__ import annotations

import pytest

from bot.cli.verbs import verbs
from bot.errors import ConfigError


def steps(text: str) -> list[tuple[str, object]]:
    named = {"play": "audio", "dtmf": "digits", "transfer": "to", "wait": "seconds", "message": "text"}
    return [
        (step.verb, getattr(step.action, named[step.verb]) if step.verb in named else None)
        for verb in verbs(text)
        for step in verb.steps
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "play speech:2, hold 2, unhold, dtmf 1, transfer sip:b@192.0.2.1",
            [
                ("play", "speech:2"), ("hold", None), ("wait", 2.0), ("unhold", None), ("dtmf", "1"),
                ("transfer", "sip:b@192.0.2.1"),
            ],
        ),
        ("play speech:1,silence:1,dtmf:1,hold", [("play", "speech:1,silence:1,dtmf:1"), ("hold", None)]),
        ("dtmf 1,,2,wait 0.5", [("dtmf", "1,,2"), ("wait", 0.5)]),
        ("message a b,reinvite ,  update", [("message", "a b"), ("reinvite", None), ("update", None)]),
    ],
)  # fmt: skip
def test_commas_between_verbs_separate_them(text: str, expected: list[tuple[str, object]]) -> None:
    assert steps(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hold, unhodl", "--do: verb 2, 'unhodl' at character 7: unknown verb (did you mean 'unhold'?)"),
        ("hold two", "--do: verb 1, 'hold two' at character 1: expected a number of seconds, got 'two'"),
        ("dtmf 1, dtmf", "--do: verb 2, 'dtmf' at character 9: needs a value: dtmf DIGITS"),
        ("unhold 3", "--do: verb 1, 'unhold 3' at character 1: takes no value"),
        ("dtmf x", "--do: verb 1, 'dtmf x' at character 1: "),
        ("play nothing.wav", "--do: verb 1, 'play nothing.wav' at character 1: "),
        ("wait -1", "--do: verb 1, 'wait -1' at character 1: "),
        ("hold, transfer bob", "--do: verb 2, 'transfer bob' at character 7: "),
        ("", "--do: verb 1, '' at character 1: unknown verb"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_position(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        verbs(text)
    assert str(refused.value).startswith(message)
