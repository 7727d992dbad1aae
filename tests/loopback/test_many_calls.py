"""Up to MANY_CALLS calls at once between two endpoints, as the build has them, each known by its marker."""

from __future__ import annotations

import os
import time
from functools import partial
from pathlib import Path

import psutil
import pytest

from bot import Call, CallState, Recording, expect
from bot.ua import build
from media.signals.marker import IDENTITIES
from tests.support.starting import NewEndpoint, until

MOST = int(os.environ.get("MANY_CALLS", "40"))


def is_up(call: Call) -> bool:
    return call.state is CallState.CONFIRMED


@pytest.mark.timeout(300)
def test_each_call_carries_its_own_marker(new_endpoint: NewEndpoint, tmp_path: Path) -> None:
    count = min(build().calls or 1, MOST)
    callee = new_endpoint(name="callee", srtp="mandatory")
    caller = new_endpoint(name="caller", srtp="mandatory")
    pairs = []
    for number in range(count):
        with callee.expect_call(timeout=20) as incoming:
            outgoing = caller.make_call(callee.uri)
        pairs.append((number % IDENTITIES, outgoing, incoming.value.answer()))
    for _, *calls in pairs:
        for call in calls:
            until(call, partial(is_up, call), timeout=20)
    agents = [psutil.Process(one.pid) for one in (caller, callee)]
    before, began = [sum(agent.cpu_times()[:2]) for agent in agents], time.monotonic()
    recordings: list[tuple[int, Recording]] = []
    playbacks = []
    for identity, outgoing, answered in pairs:
        recordings.append((identity, answered.record(tmp_path / f"{outgoing.number}.wav")))
        playbacks.append(outgoing.play(",".join([f"marker:{identity}"] * 3)))
    for playback in playbacks:
        playback.wait(timeout=60)
    used = [sum(one.cpu_times()[:2]) - cpu for one, cpu in zip(agents, before, strict=True)]
    seconds = time.monotonic() - began
    memory = [agent.memory_info().rss / 1e6 for agent in agents]
    for identity, recording in recordings:
        recording.stop(linger=0.3)
        expect(recording).to_contain_marker(identity)
    for _, outgoing, answered in pairs:
        for call in (outgoing, answered):
            expect(call).to_be_encrypted()
    for _, outgoing, answered in pairs:
        outgoing.hangup()
        expect(answered).to_be_disconnected(code=200, by="remote", timeout=20)
    figures = f"{count} calls: {100 * sum(used) / seconds / (2 * count):.2f} % of a core a leg, "
    print(f"{figures}{max(memory):.0f} MB an agent, {max(memory) / count:.1f} MB a leg")
