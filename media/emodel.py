"""Owns the E-model: how good a call is by its codec, loss and delay; it must not know who counted these.

The narrowband model is ITU-T G.107 (06/2015), the wideband one G.107.1 (06/2019), the codecs' figures are
those of G.113 (09/2024), appendices I and IV. These are estimates for planning, not opinions of people.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Final

from media.wav import AudioError

__all__ = [
    "CODECS",
    "DEFAULT",
    "Band",
    "Codec",
    "Connection",
    "Quality",
    "Rating",
    "codec_of",
    "effective_impairment",
    "mos",
    "mos_wideband",
    "quality",
    "r_factor",
    "rating",
]

RO_WIDEBAND = 129.0  # G.107.1, 7.2: a clean wideband channel
WIDEBAND_RATIO = 1.29  # G.107.1: by it the delay counts more (7-13) and R is divided for MOS
WORST = 95.0  # G.107, equation 7-29, and unchanged in G.107.1
ECHO_FROM_MS = 1.0  # G.107, 7.4: an echo that is earlier is sidetone
QUIETEST_SIDETONE, LOUDEST_SIDETONE = 20.0, 9.0  # G.107, 7.4: beyond them STMR changes how an echo is heard
FARTHEST = 200.0  # in dB and dB-like figures: anything real is well within


class Band(StrEnum):
    """The scale of a rating; a figure of one scale cannot be compared with one of the other."""

    NARROWBAND = "narrowband"
    WIDEBAND = "wideband"


@dataclass(frozen=True, slots=True)
class Connection:
    """The parameters of G.107 with its default values (7.7, table 3): a good digital telephone connection.

    Loudness ratings (`slr`, `rlr`, `stmr`, `telr`, `wepl`) are in dB; `ds` and `dr` are the telephones'
    D-values, `lstr` (None: `stmr` + `dr`) is the listener's sidetone. `t` is the mean one-way delay of the
    echo path, `tr` the round trip of the four-wire loop, `ta` the absolute one-way delay, all in ms. `qdu`
    counts quantising distortion units. `ie` is what a codec costs, `bpl` how it bears loss, `ppl` the loss
    in percent, `burst_r` how bursty it is (1 is random). `nc` (dBm0p) and `nfor` (dBmp) are noise, `ps` and
    `pr` that of the rooms in dB(A), `a` the advantage of access. `st` and `mt` tell how sensitive to delay
    the users are (table 1): 1 and 100 ms by default, 0.55 and 120 low, 0.4 and 150 very low.

    Raises AudioError when a parameter is not finite or makes no sense.
    """

    slr: float = 8.0
    rlr: float = 2.0
    stmr: float = 15.0
    lstr: float | None = None
    ds: float = 3.0
    dr: float = 3.0
    telr: float = 65.0
    wepl: float = 110.0
    t: float = 0.0
    tr: float = 0.0
    ta: float = 0.0
    qdu: float = 1.0
    ie: float = 0.0
    bpl: float = 4.3
    ppl: float = 0.0
    burst_r: float = 1.0
    nc: float = -70.0
    nfor: float = -64.0
    ps: float = 35.0
    pr: float = 35.0
    a: float = 0.0
    st: float = 1.0
    mt: float = 100.0

    def __post_init__(self) -> None:
        """Check what the formulas need."""
        least = {"t": 0, "tr": 0, "ta": 0, "qdu": 1, "ie": 0, "bpl": 1e-3, "ppl": 0, "burst_r": 1, "a": 0}
        least |= {"st": 0.1, "mt": 1, "stmr": 0, "telr": 0}
        most = {"t": 1e6, "tr": 1e6, "ta": 1e6, "qdu": 1e6, "ppl": 100, "burst_r": 1e6, "st": 10, "mt": 1e6}
        for one in fields(self):
            value = getattr(self, one.name)
            low, high = least.get(one.name, -FARTHEST), most.get(one.name, FARTHEST)
            if value is not None and not low <= value <= high:  # NaN too
                raise AudioError(f"{one.name} = {value:g}: the E-model takes {low:g} to {high:g}; see G.107")


DEFAULT: Final = Connection()


@dataclass(frozen=True, slots=True)
class Rating:
    """R and the terms it is made of: R = ro - simultaneous - idte - idle - idd - ie_eff + a (G.107, 7-1)."""

    ro: float
    simultaneous: float
    idte: float
    idle: float
    idd: float
    ie_eff: float
    a: float

    @property
    def r(self) -> float:
        """The transmission rating factor."""
        return self.ro - self.simultaneous - self.idte - self.idle - self.idd - self.ie_eff + self.a


@dataclass(frozen=True, slots=True)
class Codec:
    """What a codec costs without loss, `ie` on the scale of its `band`, and how it bears loss, `bpl`.

    `bpl` is None where none is published. `lookahead_ms` is what its encoder waits for beyond its frame.
    """

    band: Band
    ie: float
    bpl: float | None = None
    bare_bpl: float | None = None
    """`bpl` when the receiver conceals no loss, where that is published as well."""
    lookahead_ms: float = 0.0


G711 = Codec(Band.NARROWBAND, 0, 25.1, 4.3)
"""G.113, tables I.1 and I.4 (10 ms packets); 25.1 is with concealment as in G.711 appendix I."""

CODECS: Final = {
    # G.113, table I.1; Bpl from table I.4, which has no other codec
    ("PCMU", 8000): G711,
    ("PCMA", 8000): G711,
    ("G729", 8000): Codec(Band.NARROWBAND, 11, 19.0, lookahead_ms=5),  # annex A with VAD
    ("GSM", 8000): Codec(Band.NARROWBAND, 20),  # full rate
    ("GSM-EFR", 8000): Codec(Band.NARROWBAND, 5, 10.0),
    ("G726-40", 8000): Codec(Band.NARROWBAND, 2),
    ("G726-32", 8000): Codec(Band.NARROWBAND, 7),
    ("G726-24", 8000): Codec(Band.NARROWBAND, 25),
    ("G726-16", 8000): Codec(Band.NARROWBAND, 50),
    # Linear PCM has no row: it is what the others are compared with, so it costs nothing on either scale.
    ("L16", 8000): Codec(Band.NARROWBAND, 0),
    ("L16", 16000): Codec(Band.WIDEBAND, 0),
    # G.113, appendix IV: 64 kbit/s, heard with one ear. SDP says 8000 Hz by mistake (RFC 3551, 4.5.2).
    ("G722", 16000): Codec(Band.WIDEBAND, 13),
    ("G722", 8000): Codec(Band.WIDEBAND, 13),
}
"""By RTP encoding name and clock rate. Not in G.113, and so unknown here: iLBC, Speex, Opus, AMR."""


@dataclass(frozen=True, slots=True)
class Quality:
    """The quality of what was received.

    `r` is without delay and `mos_lq` its listening quality; `mos_cq`, the conversational one, is with the
    delay and None when that is not known. All are on the scale of `band`: a clean call has R 93.2 and
    MOS 4.41 narrowband, R 129 and MOS 4.5 wideband. `loss_pct` is what the listener missed.
    """

    r: float
    mos_lq: float
    mos_cq: float | None
    band: Band
    loss_pct: float


def r_factor(connection: Connection = DEFAULT) -> float:
    """The transmission rating factor R of G.107; 93.2 by default, below 50 is not recommended (G.109)."""
    return rating(connection).r


def rating(connection: Connection = DEFAULT) -> Rating:
    """R in its parts, G.107, clauses 7.1 to 7.6."""
    noise = _noise(connection)
    ro = 15 - 1.5 * (connection.slr + noise)
    sidetone = _sidetone(connection)
    return Rating(
        ro=ro,
        simultaneous=_loudness(connection, noise) + sidetone + _quantising(connection, ro),
        idte=_talker_echo(connection, noise, sidetone),
        idle=_listener_echo(connection, ro),
        idd=_pure_delay(connection.ta, connection.st, connection.mt),
        ie_eff=effective_impairment(connection.ie, connection.bpl, connection.ppl, connection.burst_r),
        a=connection.a,
    )


def mos(r: float) -> float:
    """The mean opinion score (MOS-CQE) of R, 1 to 4.5: G.107, annex B.

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


def codec_of(name: str, clock_rate: int) -> Codec | None:
    """The figures of a codec by its RTP encoding name in any case; None when no recommendation has any."""
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
    """The quality of a received stream, or None where it cannot be said.

    `expected` packets were sent, of which `lost` never came and `discarded` came too late for the jitter
    buffer; `burst_r` is the mean length of a loss relative to that of random loss. `network_ms` is the
    delay one way, half the round trip; the packet, the codec's look-ahead and the jitter buffer's mean
    delay (0 when not known, which flatters `mos_cq`) come on top. As in figure 1 of G.114 no echo is
    assumed, since none was measured. `concealed` tells whether the receiver conceals losses (G.711 only).

    A codec is rated on the scale of its band, and G.722 with 4.34 is not worse than G.711 with 4.41: on the
    wideband scale the R of a clean narrowband call, 93.2, is a MOS of 3.70.

    None when nothing arrived, the codec has no published figures, or packets were lost and its
    robustness against that is not published (GSM, G.722, G.726, L16). Raises AudioError when a count or
    a delay makes no sense.
    """
    missed = lost + discarded
    if min(expected, lost, discarded) < 0 or lost > expected:
        raise AudioError(f"{lost} lost and {discarded} discarded of {expected} packets: count again")
    found = codec_of(codec, clock_rate)
    if found is None or lost == expected:
        return None
    loss_pct = min(100.0, 100 * missed / expected)
    bpl = found.bpl if concealed or found.bare_bpl is None else found.bare_bpl
    if bpl is None and missed:
        return None
    line = Connection(ie=found.ie, bpl=bpl or DEFAULT.bpl, ppl=loss_pct, burst_r=burst_r)
    r = _r_of(line, found.band)
    delay = None if network_ms is None else network_ms + ptime_ms + found.lookahead_ms + jitter_buffer_ms
    to_mos = mos_wideband if found.band is Band.WIDEBAND else mos
    return Quality(
        r=r,
        mos_lq=to_mos(r),
        mos_cq=None if delay is None else to_mos(r - _delay_cost(delay, found.band)),
        band=found.band,
        loss_pct=loss_pct,
    )


def _r_of(line: Connection, band: Band) -> float:
    """R of a connection that differs from the default in its codec and loss only."""
    if band is Band.NARROWBAND:
        return r_factor(line)
    return RO_WIDEBAND - effective_impairment(line.ie, line.bpl, line.ppl, line.burst_r)


def _delay_cost(delay_ms: float, band: Band) -> float:
    """Idd, or Idd,WB (G.107.1, 7-13), of a delay one way."""
    delayed = Connection(ta=delay_ms)
    cost = _pure_delay(delayed.ta, delayed.st, delayed.mt)
    return cost * WIDEBAND_RATIO if band is Band.WIDEBAND else cost


def _noise(c: Connection) -> float:
    """No, all noise at the 0 dBr point, in dBm0p (7-3 to 7-7): circuit, rooms at both sides, floor."""
    loudness = c.slr + c.rlr
    sent = c.ps - c.slr - c.ds - 100 + 0.004 * (c.ps - loudness - c.ds - 14) ** 2
    listener = c.stmr + c.dr if c.lstr is None else c.lstr
    room = c.pr + 10 * math.log10(1 + 10 ** ((10 - listener) / 10))
    received = c.rlr - 121 + room + 0.008 * (room - 35) ** 2
    return 10 * math.log10(sum(10 ** (level / 10) for level in (c.nc, sent, received, c.nfor + c.rlr)))


def _loudness(c: Connection, noise: float) -> float:
    """Iolr, of too loud a connection (7-9, 7-10)."""
    x = (c.slr + c.rlr + 0.2 * (64 + noise - c.rlr)) / 8
    return 20 * (_norm(x, 8) - x)


def _sidetone(c: Connection) -> float:
    """Ist, of a sidetone that is not optimal (7-11, 7-12)."""
    echo = math.exp(-c.t / 4) * 10 ** (-c.telr / 10)
    masked = -10 * math.log10(10 ** (-c.stmr / 10) + echo)
    near = 12 * _norm((masked - 13) / 6, 8)
    return near - 28 * _norm((masked + 1) / 19.4, 35) - 13 * _norm((masked - 3) / 33, 13) + 29


def _quantising(c: Connection, ro: float) -> float:
    """Iq, of quantising distortion (7-13 to 7-17)."""
    q = 37 - 15 * math.log10(c.qdu)
    g = 1.07 + 0.258 * q + 0.0602 * q**2
    y = (ro - 100) / 15 + 46 / 8.4 - g / 9
    z = 46 / 30 - g / 40
    return 15 * math.log10(1 + 10**y + 10**z)


def _talker_echo(c: Connection, noise: float, sidetone: float) -> float:
    """Idte, of hearing oneself (7-19 to 7-24)."""
    echo_loudness = c.telr - 40 * math.log10((1 + c.t / 10) / (1 + c.t / 150)) + 6 * math.exp(-0.3 * c.t**2)
    if c.stmr < LOUDEST_SIDETONE:
        echo_loudness += sidetone / 2
    half = (-1.5 * (noise - c.rlr) - 80 - 2.5 * (echo_loudness - 14)) / 2
    echo = (half + math.hypot(half, 10) - 1) * (1 - math.exp(-c.t)) if c.t >= ECHO_FROM_MS else 0.0
    return math.hypot(echo, sidetone) if c.stmr > QUIETEST_SIDETONE else echo


def _listener_echo(c: Connection, ro: float) -> float:
    """Idle, of hearing the other one twice (7-25, 7-26)."""
    half = (ro - 10.5 * (c.wepl + 7) / math.sqrt(math.sqrt(c.tr + 1))) / 2
    return half + math.hypot(half, 13.0)


def _pure_delay(ta: float, st: float, mt: float) -> float:
    """Idd, of a delay without any echo (7-27, 7-28)."""
    if ta <= mt:
        return 0.0
    x, power = math.log2(ta / mt), 6 * st
    return 25 * (_norm(x, power) - 3 * _norm(x / 3, power) + 2)


def _norm(x: float, power: float) -> float:
    """(1 + x^p)^(1/p), which goes from 1 to x as x rises; x below 0 takes a whole p and stays above -1."""
    return float((1 + x**power) ** (1 / power))
