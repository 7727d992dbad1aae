"""A strict and bounded checker of received SIP messages; it protects the library from malformed input.

It reads bytes and decides. A message passes unchanged, passes with changes, is refused with the status code
that RFC 3261 demands, or is dropped silently. The checker is stateless.
"""

from bot.sip.intake.description import Hosts
from bot.sip.intake.faults import RULES, Rule
from bot.sip.intake.peer_names import PeerNames, is_address, peer_names
from bot.sip.intake.reader import Dialogs, Mended, Refusal, bare_copy, judge
from bot.sip.intake.refusal import SILENCE

__all__ = [
    "RULES",
    "SILENCE",
    "Dialogs",
    "Hosts",
    "Mended",
    "PeerNames",
    "Refusal",
    "Rule",
    "bare_copy",
    "is_address",
    "judge",
    "peer_names",
]
