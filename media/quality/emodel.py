"""The E-model (ITU-T G.107): estimated quality of a call from its codec, loss and delay.

The narrowband model is ITU-T G.107 (06/2015), the wideband one G.107.1 (06/2019), the codecs' figures are
those of G.113 (09/2024), appendices I and IV. The results are planning estimates, not listener opinions.

An endpoint can measure the codec, the loss and the delay. Every other parameter of G.107 (loudness, sidetone,
echo, noise) keeps its default value, so its terms are one constant: R = R0 - Idd - Ie,eff.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from media.audio.wav import AudioError

__all__ = [
    "CODECS",
    "Band",
    "Codec",
    "Quality",
    "burst_ratio",
    "codec_of",
    "delay_impairment",
    "effective_impairment",
    "mos",
    "mos_wideband",
    "quality",
]

R_NARROWBAND = 93.20621  # G.107, 7.7: R with the default value of every parameter; the text prints 93.2
R_WIDEBAND = 129.0  # G.107.1, 7.2: a clean wideband channel
WIDEBAND_RATIO = 1.29  # G.107.1: the factor by which delay counts more (7-13) and R is divided for MOS
WORST = 95.0  # G.107, equation 7-29, and unchanged in G.107.1
NOTICED_MS = 100.0  # G.107, table 1: mT, the longest delay without impairment, for default users


class Band(StrEnum):
    """The scale of a rating; values of the two scales cannot be compared."""

    NARROWBAND = "narrowband"
    WIDEBAND = "wideband"


@dataclass(frozen=True, slots=True)
class Codec:
    """Codec impairment `ie` on the scale of its `band`, and packet loss robustness `bpl` (G.113).

    `bpl` is None if not published. `lookahead_ms` is the look-ahead of the encoder beyond its frame.
    """

    band: Band
    ie: float
    bpl: float | None = None
    bare_bpl: float | None = None
    """`bpl` without packet loss concealment, if published."""
    lookahead_ms: float = 0.0


G711 = Codec(Band.NARROWBAND, 0, 25.1, 4.3)
"""G.113, tables I.1 and I.4 (10 ms packets); 25.1 is with concealment as in G.711 appendix I."""

CODECS: Final = {
    # G.113, table I.1; the only codec with a Bpl in table I.4
    ("PCMU", 8000): G711,
    ("PCMA", 8000): G711,
    ("G729", 8000): Codec(Band.NARROWBAND, 11, 19.0, lookahead_ms=5),  # annex A with VAD
    ("GSM", 8000): Codec(Band.NARROWBAND, 20),  # full rate
    ("GSM-EFR", 8000): Codec(Band.NARROWBAND, 5, 10.0),
    ("G726-40", 8000): Codec(Band.NARROWBAND, 2),
    ("G726-32", 8000): Codec(Band.NARROWBAND, 7),
    ("G726-24", 8000): Codec(Band.NARROWBAND, 25),
    ("G726-16", 8000): Codec(Band.NARROWBAND, 50),
    # Linear PCM has no row: it is the reference of the other codecs, so its impairment is 0 on either scale.
    ("L16", 8000): Codec(Band.NARROWBAND, 0),
    ("L16", 16000): Codec(Band.WIDEBAND, 0),
    # G.113, appendix IV: 64 kbit/s, monaural. The clock rate in SDP is 8000 Hz by mistake (RFC 3551, 4.5.2).
    ("G722", 16000): Codec(Band.WIDEBAND, 13),
    ("G722", 8000): Codec(Band.WIDEBAND, 13),
}
"""By RTP encoding name and clock rate. Not in G.113, so not available: iLBC, Speex, Opus, AMR."""


@dataclass(frozen=True, slots=True)
class Quality:
    """The estimated quality of a received stream.

    `r` is without delay and `mos_lq` its listening quality; `mos_cq`, the conversational one, is with the
    delay and None when that is not known. All are on the scale of `band`: a clean call has R 93.2 and
    MOS 4.41 narrowband, R 129 and MOS 4.5 wideband. `loss_pct` is the loss after the jitter buffer.
    """

    r: float
    mos_lq: float
    mos_cq: float | None
    band: Band
    loss_pct: float


def mos(r: float) -> float:
    """The mean opinion score (MOS-CQE) of R, 1 to 4.5 (G.107, annex B).

    The polynomial falls below 1 for R under 6.5; a score cannot, so it is 1 there.
    """
    if r <= 0:
        return 1.0
    if r >= 100:
        return 4.5
    return max(1.0, 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6)


def mos_wideband(r: float) -> float:
    """The mean opinion score of a wideband R, 1 to 4.5: G.107.1, annex A."""
    return mos(r / WIDEBAND_RATIO)


def effective_impairment(ie: float, bpl: float, ppl: float, burst_r: float = 1.0) -> float:
    """Ie-eff of a codec that loses `ppl` percent of its packets: G.107, 7-29, and G.107.1, 7-15."""
    return ie + (WORST - ie) * ppl / (ppl / burst_r + bpl)


def delay_impairment(delay_ms: float, band: Band = Band.NARROWBAND) -> float:
    """Idd of a one-way delay without echo (G.107, 7-27 and 7-28), or Idd,WB (G.107.1, 7-13).

    Raises AudioError when the delay is negative or not finite.
    """
    if not 0 <= delay_ms < math.inf:  # NaN as well
        raise AudioError(f"the one-way delay is {delay_ms:g} ms; expected 0 ms or more")
    if delay_ms <= NOTICED_MS:
        return 0.0
    x = math.log2(delay_ms / NOTICED_MS)
    impairment = 25 * ((1 + x**6) ** (1 / 6) - 3 * (1 + (x / 3) ** 6) ** (1 / 6) + 2)
    return float(impairment * (WIDEBAND_RATIO if band is Band.WIDEBAND else 1))


def burst_ratio(expected: int, lost: int, bursts: int) -> float:
    """BurstR: the mean length of a loss burst relative to that of random loss (G.107, 3.7); at least 1."""
    return max(1.0, lost / bursts * (1 - lost / expected)) if lost else 1.0


def codec_of(name: str, clock_rate: int) -> Codec | None:
    """The impairment values of a codec by its RTP encoding name in any case.

    None without published values.
    """
    return CODECS.get((name.upper(), clock_rate))


def quality(
    codec: str,
    clock_rate: int,
    *,
    expected: int,
    lost: int = 0,
    discarded: int = 0,
    burst_r: float = 1.0,
    network_ms: float | None = None,
    ptime_ms: float = 20.0,
    jitter_buffer_ms: float = 0.0,
    concealed: bool = True,
) -> Quality | None:
    """The quality of a received stream, or None if it cannot be estimated.

    `expected` packets were sent. `lost` packets never arrived, `discarded` packets arrived too late for the
    jitter buffer. `burst_r`: see burst_ratio. `network_ms` is the one-way delay, half the round trip; the
    packet, the codec's look-ahead and the jitter buffer's mean delay (0 when not known, which makes `mos_cq`
    too good) are added. `concealed`: whether the receiver conceals losses (G.711 only).

    A codec is rated on the scale of its band, and G.722 with 4.34 is not worse than G.711 with 4.41: on the
    wideband scale the R of a clean narrowband call, 93.2, is a MOS of 3.70.

    None when nothing arrived, the codec has no published figures, or packets were lost and its
    robustness against that is not published (GSM, G.722, G.726, L16). Raises AudioError when a count or
    a delay makes no sense.
    """
    missed = lost + discarded
    if min(expected, lost, discarded) < 0 or lost > expected:
        raise AudioError(f"{lost} lost and {discarded} discarded of {expected} packets cannot be right")
    found = codec_of(codec, clock_rate)
    if found is None or lost == expected:
        return None
    loss_pct = min(100.0, 100 * missed / expected)
    bpl = found.bpl if concealed or found.bare_bpl is None else found.bare_bpl
    if bpl is None and missed:
        return None
    wideband = found.band is Band.WIDEBAND
    r = R_WIDEBAND if wideband else R_NARROWBAND
    r -= effective_impairment(found.ie, bpl or 1.0, loss_pct, burst_r)  # without loss Bpl has no effect
    delay = None if network_ms is None else network_ms + ptime_ms + found.lookahead_ms + jitter_buffer_ms
    to_mos = mos_wideband if wideband else mos
    return Quality(
        r=r,
        mos_lq=to_mos(r),
        mos_cq=None if delay is None else to_mos(r - delay_impairment(delay, found.band)),
        band=found.band,
        loss_pct=loss_pct,
    )
