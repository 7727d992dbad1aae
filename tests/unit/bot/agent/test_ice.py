"""bot.agent.ice: the state of ICE from the library's text dump of a call."""

from __future__ import annotations

from bot.agent.ice import is_negotiating, selected_pairs
from bot.model import CandidatePair

LINE = "  #{} audio PCMA @8kHz, sendrecv, peer=203.0.113.2:4000\n     SRTP status: Not active\n"
STATE = "     ICE role: {}, state: {}, comp_cnt: 2\n"
PAIR = "         [{}]: L:{} ({}) --> R:{} ({})\n"


def line(index: int, state: str, *pair: str, role: str = "Controlling") -> str:
    """An m= line as the library describes it; ``pair`` is that of RTP."""
    pairs = (PAIR.format(0, *pair) + PAIR.format(1, "10.0.0.1:1", "h", "10.0.0.2:2", "h")) if pair else ""
    return LINE.format(index) + STATE.format(role, state) + pairs + "     RX pt=8\n"


def test_pair_of_rtp() -> None:
    text = line(
        0, "Negotiation Success", "203.0.113.1:26600", "r", "203.0.113.2:4000", "s", role="Controlled"
    )
    assert selected_pairs(text) == {
        0: CandidatePair(
            role="controlled",
            local="203.0.113.1:26600",
            local_type="relay",
            remote="203.0.113.2:4000",
            remote_type="srflx",
        )
    }
    assert not is_negotiating(text)


def test_each_line_has_its_own() -> None:
    done = line(1, "Negotiation Success", "10.0.0.1:4002", "h", "10.0.0.2:4002", "p")
    found = selected_pairs(line(0, "Negotiation In Progress") + done)
    assert list(found) == [1]
    assert (found[1].local_type, found[1].remote_type) == ("host", "prflx")


def test_until_it_has_ended_there_is_no_pair() -> None:
    for state in ("Candidate Gathering", "Session Initialized", "Negotiation In Progress"):
        assert selected_pairs(line(0, state)) == {}
        assert is_negotiating(line(0, state))
    failed = line(0, "Negotiation Failed")
    assert selected_pairs(failed) == {}
    assert not is_negotiating(failed)


def test_call_without_ice() -> None:
    assert selected_pairs(LINE.format(0)) == {}
    assert not is_negotiating(LINE.format(0))
