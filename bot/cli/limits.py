"""The options under "Limits": bounds for the peers of an endpoint that answers."""

from __future__ import annotations

import math
from typing import Any

import click

from bot.cli.help import grouped
from bot.model import MediaAddress

__all__ = ["LIMIT_OPTIONS"]

limit = grouped("Limits")


class _Amount(click.FloatRange):
    """A number of something; nan is in no range and outside of none."""

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> Any:
        """The number; fails as a usage error."""
        amount = super().convert(value, param, context)
        if not math.isfinite(amount):
            self.fail(f"{value} is not a finite number.", param, context)
        return amount


AMOUNT = _Amount(min=0, max=1e7)
COUNT = click.IntRange(min=0)
LIMIT_OPTIONS = (
    limit("--max-calls", type=click.IntRange(min=1), metavar="N",
          help="Calls at once.  [as many as the library takes]"),
    limit("--max-calls-per-source", "limits_calls_per_source", type=COUNT, metavar="N",
          help="Incoming calls of one IP address at once; 0: no limit.  [0]"),
    limit("--max-unacknowledged", "limits_unacknowledged_s", type=AMOUNT, metavar="S",
          help="End an answered call that has no ACK after S seconds; 0: never.  [16]"),
    limit("--max-silence", "limits_silence_s", type=AMOUNT, metavar="S",
          help="End a call, not on hold, from which no RTP has come for S seconds; 0: never.  [300]"),
    limit("--max-call-length", "limits_call_length_s", type=AMOUNT, metavar="S",
          help="End a call after S seconds; 0: never.  [43200]"),
    limit("--max-invite-rate", "limits_invites_per_s", type=AMOUNT, metavar="N",
          help="INVITEs of one IP address per second, twice as many at once; 0: no limit.  [50]"),
    limit("--max-request-rate", "limits_requests_per_s", type=AMOUNT, metavar="N",
          help="Other requests of one IP address per second, such as MESSAGE and INFO; three times as many "
          "of all addresses; 0: no limit.  [50]"),
    limit("--max-message-rate", "limits_messages_per_s", type=AMOUNT, metavar="N",
          help="SIP messages of one IP address per second; 0: no limit.  [500]"),
    limit("--max-first-message", "limits_first_message_s", type=AMOUNT, metavar="S",
          help="Close a TCP or TLS connection without a SIP message after S seconds; 0: never.  [32]"),
    limit("--max-idle-connection", "limits_idle_connection_s", type=AMOUNT, metavar="S",
          help="Close a TCP or TLS connection, without a call or a registration, by which nothing has come "
          "for S seconds; 0: never.  [600]"),
    limit("--max-handshake", "limits_handshake_s", type=AMOUNT, metavar="S",
          help="Longest TLS handshake in seconds; 0: no limit.  [10]"),
    limit("--max-connections-per-source", "limits_connections_per_source", type=COUNT, metavar="N",
          help="TCP and TLS connections of one IP address at once; 0: no limit.  [two thirds of all]"),
    limit("--connect-to-contacts/--no-connect-to-contacts", default=None,
          help="Make a TCP or TLS connection to the Contact of a peer that has called, or only use its own.  "
          "[--no-connect-to-contacts]"),
    limit("--media-address", type=click.Choice([address.value for address in MediaAddress]),
          help="Before the ACK send media to the address of the offer (sdp), or only once a packet has come "
          "from there (verified).  [verified]"),
    limit("--accept-subscriptions", is_flag=True, default=None,
          help="Accept SUBSCRIBE for presence, 100 at once; else they get 489."),
    limit("--make-room/--no-make-room", "limits_make_room", default=None,
          help="End a useless call when all calls are taken and another one comes: no ACK after 1 s, no RTP "
          "after 1.5 s, or BYE unanswered; until then the caller waits.  [--make-room]"),
)  # fmt: skip
