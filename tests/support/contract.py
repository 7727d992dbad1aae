"""The names of ``srtpbot.result/1`` that users' scripts rely on, and whether a result has them all."""

from __future__ import annotations

from typing import Any

__all__ = ["missing"]

COUNTERS = dict.fromkeys(("packets", "bytes", "lost", "jitter_ms_mean", "jitter_ms_max"), ...)
DIGIT: dict[str, Any] = {"digit": ..., "method": ..., "at_s": ...}
RESULT: dict[str, Any] = {
    "schema": ...,
    "verdict": ...,
    "error": ...,
    "started": ...,
    "duration_s": ...,
    "calls": [
        {
            "id": ...,
            "direction": ...,
            "sip_call_id": ...,
            "local_uri": ...,
            "remote_uri": ...,
            "transport": ...,
            "states": [{"state": ..., "at_s": ..., "code": ..., "reason": ...}],
            "setup": {"trying_ms": ..., "ringing_ms": ..., "answered_ms": ...},
            "disconnect": {"code": ..., "reason": ..., "by": ...},
            "media": [
                {
                    "type": ...,
                    "codec": ...,
                    "clock_rate": ...,
                    "ptime_ms": ...,
                    "direction": ...,
                    "profile": ...,
                    "local": ...,
                    "remote": ...,
                    "srtp": {"active": ..., "keying": ..., "suite": ..., "tag": ..., "offered": ...},
                    "rx": {**COUNTERS, "discarded": ..., "reordered": ..., "duplicate": ...},
                    "tx": COUNTERS,
                    "rtt_ms": ...,
                    "jitter_buffer_ms": ...,
                    "mos_lq": ...,
                    "mos_cq": ...,
                }
            ],
            "dtmf": {"sent": [DIGIT], "received": [{**DIGIT, "duration_ms": ...}]},
            "recording": {"path": ..., "duration_s": ..., "sample_rate": ...},
            "audio": {
                "matched": ...,
                "delay_ms": ...,
                "snr_db": ...,
                "correlation": ...,
                "missing_ms": ...,
                "gaps": ...,
            },
        }
    ],
    "expectations": [{"name": ..., "verdict": ..., "expected": ..., "observed": ..., "at_s": ...}],
}


def missing(value: Any, wanted: Any = RESULT, path: str = "result") -> list[str]:
    """What the contract names and the result lacks; null stands for anything."""
    if wanted is ... or value is None:
        return []
    if isinstance(wanted, list):
        return [
            one for index, item in enumerate(value) for one in missing(item, wanted[0], f"{path}[{index}]")
        ]
    lacking = [f"{path}.{name}" for name in wanted if name not in value]
    for name in wanted:
        if name in value:
            lacking += missing(value[name], wanted[name], f"{path}.{name}")
    return lacking
