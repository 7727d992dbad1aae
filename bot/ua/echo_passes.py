"""Owns how often audio that comes back has passed the codec, as far as the peer says that it echoes.

RFC 3261 20.35: the Server header of a response names the software, and may say more in a comment.
"""

from __future__ import annotations

from bot.config import EndpointConfig
from bot.ua.call import Call

__all__ = ["ECHO", "passes_of", "said_to_echo"]

ECHO = "srtpbot (parrot)"
"""Value of the Server header field of our parrot."""

ANSWER = "200 INVITE"


def said_to_echo(config: EndpointConfig) -> EndpointConfig:
    """The settings of an endpoint that says in its answer that it echoes, unless they name its Server."""
    present = config.headers.get(ANSWER, {})
    if any(
        name.casefold() == "server" for kind in (ANSWER, "200", "*") for name in config.headers.get(kind, {})
    ):
        return config
    return config.with_options(headers={**config.headers, ANSWER: {**present, "Server": ECHO}})


def passes_of(call: Call) -> int:
    """2 for a peer that is our parrot, because it decodes and encodes the audio again; otherwise 1."""
    return 2 if (call.header("Server") or "").strip() == ECHO else 1
