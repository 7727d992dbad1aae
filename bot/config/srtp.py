"""The settings of SRTP, which ``srtp: off`` leaves without effect."""

from __future__ import annotations

from typing import Any

import msgspec

from bot.config.validation import SettingError
from bot.model import SrtpMode

__all__ = ["check_srtp", "without_srtp"]

OF_SRTP = ("suites", "accept", "srtp_requires", "srtp_keying")


def check_srtp(settings: msgspec.Struct, mode: SrtpMode) -> None:
    """Raise SettingError for a setting of SRTP when SRTP is off."""
    if mode is not SrtpMode.OFF:
        return
    defaults = {field.name: field.default for field in msgspec.structs.fields(settings)}
    for key in OF_SRTP:
        if getattr(settings, key) != defaults[key]:
            raise SettingError(
                key,
                f"contradicts srtp: off (--srtp off), which has no use for it; remove {key}, "
                "or set srtp to optional or mandatory",
            )


def without_srtp(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """The lower layer of settings, without its settings of SRTP if the upper layer turns SRTP off."""
    if str(above.get("srtp")) != SrtpMode.OFF:
        return below
    return {key: value for key, value in below.items() if key not in OF_SRTP}
