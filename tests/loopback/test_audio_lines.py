"""Two m=audio lines in a call: offered, accepted, refused, and both carry packets of their own."""

from __future__ import annotations

from functools import partial

import pytest

from bot import Call, CallState, ConfigError
from bot.deadline import Deadline
from tests.support.starting import NewEndpoint, connect, until

ENOUGH = 50
"""About 24 are sent when nothing plays."""
PATIENCE_S = 10.0


def packets(call: Call, index: int) -> int:
    """How many a line has received."""
    stats = call.facts.stats(index)
    return stats.rx.packets if stats is not None else 0


def carries_media(call: Call) -> bool:
    """Whether both lines receive more than the library sends of itself, before the deadline."""
    deadline = Deadline(PATIENCE_S)
    while min(packets(call, 0), packets(call, 1)) < ENOUGH and not deadline.passed:
        call.measure()
    return min(packets(call, 0), packets(call, 1)) >= ENOUGH


@pytest.mark.parametrize("srtp", ["off", "mandatory"])
def test_both_lines_carry_media(srtp: str, new_endpoint: NewEndpoint) -> None:
    caller, callee = (new_endpoint(audio_lines=2, srtp=srtp) for _ in range(2))
    for call in connect(caller, callee):
        until(call, partial(both_run, call))
        assert [line.index for line in call.media] == [0, 1]
        assert all(bool(line.suite) is (srtp == "mandatory") for line in call.media)
        assert carries_media(call)


def both_run(call: Call) -> bool:
    return sum(line.active for line in call.media) == 2


@pytest.mark.parametrize(("offered", "accepted"), [(2, 1), (1, 2)])
def test_one_side_has_one(offered: int, accepted: int, new_endpoint: NewEndpoint) -> None:
    outgoing, answered = connect(new_endpoint(audio_lines=offered), new_endpoint(audio_lines=accepted))
    for call in (outgoing, answered):
        assert [line.active for line in call.media] == [True, *[False] * (offered - 1)]
        assert call.state is CallState.CONFIRMED
    assert outgoing.hold().wait(5.0) == 200


def test_keys_of_two_lines_stay(new_endpoint: NewEndpoint) -> None:
    outgoing, _ = connect(*(new_endpoint(audio_lines=2, srtp="mandatory") for _ in range(2)))
    with pytest.raises(ConfigError, match="rekey: the keys of several m= lines cannot be changed"):
        outgoing.reinvite(rekey=True)
