"""The steps that no shipped scenario has, with real calls: messages, OPTIONS, transfer, named calls."""

from __future__ import annotations

from tests.support.scenarios import Perform

HEAD = """\
timeout: 5
defaults: {bind: 127.0.0.1, codecs: [PCMA]}
endpoints: {alice: {accept_transfers: true}, bob: , carol: }
steps:
"""


def test_messages_and_options(perform: Perform) -> None:
    done = perform(
        HEAD
        + """\
  - call: {from: alice, to: bob}
  - answer: {on: bob}
  - expect: {on: [alice, bob], state: confirmed}
  - options: {on: alice}
  - message: {on: alice, text: "in the call"}
  - message: {from: carol, to: bob, text: "outside of it"}
  - expect: {on: bob, message: "^in the", timeout: 2}
  - expect: {on: bob, message: "outside"}
  - expect: {on: alice, no_message: yes, during: 0.1}
  - expect: {on: bob, message: "never sent", timeout: 0.3}
"""
    )
    assert [one.name for one in done.failed] == ["bob received message"]
    assert "observed: in the call; outside of it" in done.message


def test_transfer_and_named_calls(perform: Perform) -> None:
    done = perform(
        HEAD
        + """\
  - call: {from: alice, to: bob, as: first}
  - answer: {on: bob}
  - expect: {on: [alice, bob.first], state: confirmed, media: active}
  - parallel:
      - transfer: {on: bob, to: carol, code: 200}
      - answer: {on: carol}
  - expect: {on: [alice, carol], state: confirmed}
  - hangup: {on: bob.first}
  - expect: {on: alice.first, state: disconnected, by: remote}
  - expect: {on: carol, never_state: disconnected, during: 0.2}
  - tone: {on: alice, hz: [350, 440], seconds: 0.3}
  - expect: {on: carol, min_packets: 5, max_loss_pct: 50, max_jitter_ms: 500, min_mos: 1}
  - expect: {on: carol, min_mos: 4.9}
"""
    )
    assert [one.name for one in done.failed] == ["carol call 1 has quality"], done
    assert done.failed[0].expected == "MOS of 4.9 or more"
    assert "MOS" in done.failed[0].observed


def test_every_branch_is_told_of_and_the_rest_is_not_reached(perform: Perform) -> None:
    done = perform(
        HEAD
        + """\
  - call: {from: alice, to: bob}
  - parallel:
      - expect: {on: alice, state: confirmed, timeout: 0.3}
      - [{wait: {seconds: 0.1}}, {expect: {on: bob, state: incoming}}]
  - expect: {on: bob, state: confirmed}
"""
    )
    assert ":7: steps[1].parallel[0].expect: alice: call 1" in done.message
    assert [(one.name, one.passed) for one in done.checked] == [
        ("bob call 1 reaches INCOMING", True),
        ("alice call 1 reaches CONFIRMED", False),
        ("steps[2].expect is reached", False),
    ]


def test_a_call_that_never_arrives(perform: Perform) -> None:
    done = perform(HEAD + "  - expect: {on: bob, state: incoming, timeout: 0.2}\n")
    assert "bob: no call arrived by the step's deadline" in done.message


def test_audio_that_should_not_come(perform: Perform) -> None:
    done = perform(
        HEAD
        + """\
  - call: {from: alice, to: bob}
  - expect: {on: bob, state: incoming, no_audio: yes}
  - answer: {on: bob}
  - expect: {on: alice, state: confirmed, min_packets: 3}
  - expect: {on: alice, no_audio: yes, during: 0.1}
"""
    )
    assert [(one.name, one.observed.endswith("RTP packets")) for one in done.failed] == [
        ("alice call 1 has received no audio", True)
    ]
