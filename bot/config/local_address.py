"""Local addresses and ports of an endpoint: the settings ``bind`` and ``rtp_ports``."""

from __future__ import annotations

import ipaddress
import re

from bot.config.validation import (
    SettingError,
)
from bot.errors import ConfigError

__all__ = ["checked_bind", "checked_rtp_ports", "parse_port_range"]


def parse_port_range(text: str) -> tuple[int, int]:
    """The first and the last port of a range such as ``4000-4100``."""
    match = re.fullmatch(r"\s*([0-9]{1,5})\s*-\s*([0-9]{1,5})\s*", text)
    if not match:
        raise ConfigError(f"expected a range of ports such as 4000-4100, got {text!r}")
    return int(match[1]), int(match[2])


def checked_rtp_ports(ports: tuple[int, int] | str) -> tuple[int, int]:
    """The range of RTP ports; raises SettingError for an invalid range and for an odd first port."""
    try:
        low, high = parse_port_range(ports) if isinstance(ports, str) else ports
    except ConfigError as error:
        raise SettingError("rtp_ports", str(error)) from None
    if not 1024 <= low <= high <= 65535:
        raise SettingError(
            "rtp_ports", f"expected a range within 1024-65535, lowest port first, got {low}-{high}"
        )
    if low % 2:
        raise SettingError(
            "rtp_ports", f"expected an even first port (RFC 3550 section 11), got {low}-{high}"
        )
    return low, high


def checked_bind(text: str) -> str | None:
    """The address to bind, None for all IPv4 interfaces; raises SettingError for an invalid address."""
    try:
        address = ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        has_port = re.fullmatch(r"[0-9.]+:[0-9]+", text)
        hint = (
            "; use the setting port for the port" if has_port else "; host names and interfaces do not work"
        )
        raise SettingError("bind", f"expected an IP address such as 127.0.0.1, got {text!r}{hint}") from None
    if "%" in text:
        raise SettingError("bind", f"expected an address without a zone (%...), got {text!r}")
    address = getattr(address, "ipv4_mapped", None) or address
    if address.is_multicast or text == "255.255.255.255":
        raise SettingError("bind", f"expected the address of a network interface, got {text}")
    return None if text == "0.0.0.0" else str(address)
