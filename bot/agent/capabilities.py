"""Measurement of the capabilities of the library build."""

from __future__ import annotations

import contextlib
import ctypes
import re
from collections.abc import Callable
from typing import Literal, TypeVar

import msgspec
import pjsua2 as pj

from bot.agent.native.library import MissingSymbol, exported, missing_functions
from bot.config import Capabilities
from bot.model import Codec

__all__ = ["TLS_1_3", "linked", "started"]

T = TypeVar("T")
SETTING = re.compile(r"([A-Z][A-Z0-9_]+)\s*: *(\d+)\s*$", re.MULTILINE)
KEYINGS: dict[int, Literal["SDES", "DTLS"]] = {0: "SDES", 1: "DTLS"}
"""pjmedia_srtp_keying_method of pjmedia/transport_srtp.h."""
MOST_CIPHERS = 512
TLS_1_3 = range(0x1301, 0x1306)
"""The cipher suites of TLS 1.3 (RFC 8446 B.4)."""
TLS_1_2 = range(0x3B, 0x41), range(0x9C, 0xA8), range(0xC023, 0xC033)
"""Cipher suites of TLS 1.2 only (RFC 5246, 5288, 5289)."""
ASIDE = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_void_p, ctypes.c_int)


def linked(endpoint: pj.Endpoint) -> Capabilities:
    """Capabilities after ``libCreate``; calls and codecs need ``started``."""
    settings = dump()
    return Capabilities(
        version=endpoint.libVersion().full,
        io_queue=io_queue(),
        handles=settings.get("PJ_IOQUEUE_MAX_HANDLES"),
        suites=list(endpoint.srtpCryptoEnum()),
        keyings=keyings(),
        ipv6=bool(settings.get("PJ_HAS_IPV6")),
        tls_library=tls_library(),
        tls=highest_tls() if settings.get("PJ_HAS_SSL_SOCK", 1) else "",
        assertions=bool(settings["PJ_DEBUG"]) if "PJ_DEBUG" in settings else None,
        missing=missing_functions(),
    )


def started(known: Capabilities, codecs: list[Codec]) -> Capabilities:
    """The same with what ``libInit`` has made."""
    c = exported()
    return msgspec.structs.replace(
        known,
        calls=int(c.pjsua_call_get_max_count()),
        conference_ports=optional(lambda: int(c.pjsua_conf_get_max_ports())),
        codecs=codecs,
    )


def optional(measure: Callable[[], T]) -> T | None:
    """None when the build does not export the functions for the measurement."""
    try:
        return measure()
    except MissingSymbol:
        return None


def dump() -> dict[str, int]:
    """The settings that pjlib was compiled with (``pj_dump_config``), taken off its log."""
    lines: list[bytes] = []
    c = exported()
    take = ASIDE(lambda level, data, length: lines.append(ctypes.string_at(data, length)))
    try:
        c.require("pj_dump_config", "pj_log_set_log_func")
        log = c.pj_log_get_log_func()
    except MissingSymbol:
        return {}
    c.pj_log_set_log_func(take)
    try:
        c.pj_dump_config()
    finally:
        c.pj_log_set_log_func(log)
    text = b"".join(lines).decode("utf-8", "replace")
    return {name: int(number) for name, number in SETTING.findall(text)}


def io_queue() -> str:
    """The name of the I/O queue, without the flags of epoll."""
    name = optional(lambda: bytes(exported().pj_ioqueue_name()))
    return (name or b"").decode().partition("[")[0]


def keyings() -> list[Literal["SDES", "DTLS"]]:
    """SDES alone where the library does not say."""
    count, found = ctypes.c_uint(len(KEYINGS)), (ctypes.c_int * len(KEYINGS))()
    status = optional(lambda: int(exported().pjmedia_srtp_enum_keying(ctypes.byref(count), found)))
    if status != 0:
        return [KEYINGS[0]]
    return [KEYINGS[number] for number in list(found)[: count.value] if number in KEYINGS]


def tls_library() -> str:
    """Version of the loaded OpenSSL."""
    for function in ("OpenSSL_version", "SSLeay_version"):
        with contextlib.suppress(MissingSymbol):
            return bytes(exported()[function](0)).decode("ascii", "replace")
    return ""


def highest_tls() -> str:
    """The highest version of TLS that the library has cipher suites for."""
    count, found = ctypes.c_uint(MOST_CIPHERS), (ctypes.c_int * MOST_CIPHERS)()
    status = optional(lambda: int(exported().pj_ssl_cipher_get_availables(found, ctypes.byref(count))))
    ciphers = list(found)[: count.value] if status == 0 else []
    if any(cipher in TLS_1_3 for cipher in ciphers):
        return "1.3"
    if any(cipher in span for cipher in ciphers for span in TLS_1_2):
        return "1.2"
    return "1.0" if ciphers else ""
