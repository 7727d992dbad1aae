"""Header fields of a command, in the form in which the bindings take them."""

from __future__ import annotations

from collections.abc import Iterable

import pjsua2 as pj

from bot.ipc import Header

__all__ = ["header_vector", "tx_option"]


def tx_option(headers: Iterable[Header]) -> pj.SipTxOption:
    """Header fields for the next message of a call."""
    option = pj.SipTxOption()
    option.headers = header_vector(headers)
    return option


def header_vector(headers: Iterable[Header]) -> pj.SipHeaderVector:
    """A list of header fields."""
    vector = pj.SipHeaderVector()
    for name, value in headers:
        header = pj.SipHeader()
        header.hName, header.hValue = name, value
        vector.append(header)
    return vector
