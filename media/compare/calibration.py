"""Measured calibration of the comparison per codec: models of concealment, and limits of clean calls.

The models of `concealment` were fitted (logistic regression) to 336 recordings of real SRTP calls
between two endpoints on one machine: 7 codecs; 0, 2, 3 and 10 % of the packets dropped by the sender; 12
texts of 13 s, seven spoken by four voices of Flite, two by eSpeak NG, three `speech_like`. Which packets
were dropped was read from the wire. Cross-validated (each text judged by a model that never heard it):
what was estimated relative to the dropped audio that could be heard, all recordings of a row together,
and the root-mean-square deviation of a single recording:

| codec | false in clean calls, at most | 2 % dropped | 3 % dropped | 10 % dropped |
|---|---|---|---|---|
| PCMA | 0 ms | 0.98 ± 0.20 | 0.98 ± 0.13 | 1.00 ± 0.05 |
| PCMU | 46 ms | 0.93 ± 0.17 | 1.04 ± 0.14 | 1.00 ± 0.06 |
| G722 | 24 ms | 1.04 ± 0.40 | 1.03 ± 0.26 | 0.98 ± 0.10 |
| GSM | 0 ms | 1.05 ± 0.73 | 1.00 ± 0.50 | 1.00 ± 0.26 |
| iLBC | 84 ms | 1.23 ± 0.58 | 1.08 ± 0.38 | 1.00 ± 0.17 |
| speex/8000 | 118 ms | 0.81 ± 0.55 | 0.92 ± 0.51 | 1.00 ± 0.27 |
| speex/16000 | 0 ms | 0.94 ± 0.60 | 1.20 ± 0.58 | 1.00 ± 0.16 |

A single recording that lost little says little: six packets of 20 ms are a small sample.

A decoder that predicts has to recover from a lost packet. For how long one lost packet changes loud audio (a
coherence below 0.9 with the audio that was not lost), in 30 places of speech, digits, music and tones:

| codec | half of the places | nine tenths | at most |
|---|---|---|---|
| G.711 | 20 ms | 30 ms | 30 ms |
| G722 | 25 ms | 40 ms | 50 ms |
| iLBC, 30 ms | 30 ms | 40 ms | 60 ms |
| GSM | 55 ms | 110 ms | 150 ms |
| speex/8000 | 70 ms | 140 ms | 250 ms |
| speex/16000 | 50 ms | 120 ms | 240 ms |

The limits rest on clean audio that passed the library's own codecs once and twice: the least correlation of
the waveforms and the greatest deviation of the spectrograms of 6 references a class (eSpeak NG in 25
languages, whispering, `speech_like`, music; white, pink and speech-shaped noise, markers; tones of one and
two sines, square waves, sweeps, DTMF):

| codec | passes | voices, music | tones | hiss | deviation |
|---|---|---|---|---|---|
| G.711, G722 | 1, 2 | 0.99 | 0.99 | 0.99 | 0.8 dB |
| GSM | 1 | 0.91 | 0.84 | 0.49 | 2.3 dB |
| GSM | 2 | 0.88 | 0.75 | 0.46 | 3.2 dB |
| iLBC | 1 | 0.87 | 0.90 | 0.72 | 2.5 dB |
| iLBC | 2 | 0.68 | 0.79 | 0.47 | 3.2 dB |
| speex/8000 | 1 | 0.90 | 0.90 | 0.84 | 1.9 dB |
| speex/8000 | 2 | 0.68 | 0.78 | 0.63 | 2.5 dB |
| speex/16000 | 1 | 0.96 | 0.96 | 0.92 | 1.4 dB |
| speex/16000 | 2 | 0.87 | 0.86 | 0.82 | 2.0 dB |
| Opus, 8 kbit/s | 1 | 0.67 | | | 2.0 dB |
| Opus, 8 kbit/s | 2 | 0.64 | | | 2.7 dB |
| Opus, 16 kbit/s | 1 | 0.81 | | | 1.2 dB |
| Opus, 16 kbit/s | 2 | 0.81 | | | 1.7 dB |

The figures of Opus are those of 8 voices by `speech_like`. At 8 kbit/s it keeps less of the waveform than any
other codec, so the limits without a codec's name do not cover it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["CODECS", "PASSES", "Limits", "Model", "keeps_waveform", "limits_of", "model_key", "model_of"]


@dataclass(frozen=True, slots=True)
class Model:
    """The weights for the values of `concealment.context` of a packet.

    The weighted sum and `bias` are the log-likelihood ratio that the packet was lost.
    `aftermath`: a predictive decoder needs a few packets to recover, which are sometimes
    counted as lost; the expected share of lost packets is divided by one plus this value.
    `significant`: with less total evidence (a log-likelihood ratio) nothing counts as lost; in clean calls it
    reached 1.9, through iLBC 7.0.
    """

    weights: tuple[float, ...]
    bias: float
    aftermath: float
    significant: float = 3.0


@dataclass(frozen=True, slots=True)
class Limits:
    """The values that a clean call through a codec reaches, and damaged or other audio does not.

    `correlation` of the waveforms, at least; `hiss_loss` is how much of its square hiss may take away (see
    `correlation_of`). The spectrograms' `similarity` at least, or a difference of `deviation_db` at most:
    the one means something where the reference's spectrum changes, the other where it does not. The share
    of packets `concealed`, at most.
    """

    correlation: float
    similarity: float
    deviation_db: float
    concealed: float
    hiss_loss: float = 0.0

    def correlation_of(self, hiss: float) -> float:
        """The minimum correlation for a reference with that share of `hiss`, beyond the hiss of voices."""
        kept = self.correlation**2 - self.hiss_loss * max(0.0, hiss - VOICES)
        return float(np.sqrt(max(kept, min(HEARD, self.correlation) ** 2)))


def limits_of(codec: str | None, passes: int = 1) -> Limits:
    """The limits for a codec by its name after 1 or 2 passes; without a name, the weakest limits."""
    return LIMITS.get((codec or "").casefold().split("/")[0], WEAKEST)[passes - 1]


def keeps_waveform(codec: str | None) -> bool:
    """Whether a second pass of the codec degrades the waveform hardly more than the first."""
    return limits_of(codec, 1) == limits_of(codec, 2)


def model_of(codec: str | None) -> Model:
    """The model for a codec by its name, such as ``GSM`` or ``speex/16000``.

    Without a name, the general model.
    """
    return MODELS.get(model_key(codec), ANY)


def model_key(codec: str | None) -> str:
    """The codec in lower case without its clock rate; wideband Speex (16 and 32 kHz) is ``speex-wide``."""
    name, _, rate = (codec or "").casefold().partition("/")
    return "speex-wide" if name == "speex" and rate.startswith(("16000", "32000")) else name


WAVEFORM = Model(
    weights=(
        -3.56,
        1.838,
        0.504,
        2.195,
        2.873,
        1.5,
        1.851,
        0.212,
        0.328,
        0.624,
        0.22,
        -0.331,
        -0.229,
        -0.77,
        -1.305,
        -1.435,
        0.607,
        1.412,
        -0.533,
        0.52,
        -2.722,
    ),
    bias=-8.285,
    aftermath=0.7,
)
GSM = Model(
    weights=(
        -3.453,
        3.489,
        -0.863,
        2.771,
        2.178,
        0.962,
        0.833,
        -0.331,
        0.367,
        0.536,
        -0.773,
        -0.116,
        -0.77,
        -1.405,
        -1.581,
        -0.028,
        1.67,
        0.7,
        -0.858,
        0.497,
        -3.398,
    ),
    bias=-5.64,
    aftermath=2.5,
)
ILBC = Model(
    weights=(
        -2.296,
        4.194,
        5.126,
        -0.604,
        1.877,
        2.234,
        1.534,
        0.239,
        1.007,
        1.036,
        -0.282,
        -0.049,
        -1.379,
        0.324,
        -0.599,
        -1.119,
        -0.784,
        0.532,
        -0.149,
        -0.678,
        -1.873,
    ),
    bias=-6.259,
    aftermath=0.1,
    significant=8.0,
)
SPEEX_NARROW = Model(
    weights=(
        -5.09,
        2.955,
        -0.318,
        0.889,
        1.514,
        0.695,
        1.094,
        0.006,
        -0.05,
        0.304,
        -0.075,
        0.128,
        -2.115,
        -0.598,
        -2.954,
        -0.568,
        -1.79,
        1.028,
        -0.653,
        -0.122,
        -3.667,
    ),
    bias=-3.504,
    aftermath=1.9,
)
SPEEX_WIDE = Model(
    weights=(
        -4.684,
        3.477,
        -1.015,
        1.834,
        2.075,
        0.888,
        1.208,
        0.15,
        0.037,
        0.479,
        0.04,
        0.121,
        -1.255,
        -1.253,
        -2.506,
        -0.832,
        -0.409,
        1.188,
        -0.636,
        0.089,
        -4.03,
    ),
    bias=-4.526,
    aftermath=1.6,
)
ANY = Model(
    weights=(
        -3.435,
        3.146,
        -2.672,
        1.305,
        2.455,
        0.781,
        1.013,
        -0.158,
        0.237,
        0.264,
        -0.486,
        -0.174,
        -0.545,
        0.028,
        -1.232,
        -1.015,
        0.829,
        1.408,
        -0.678,
        0.481,
        -3.088,
    ),
    bias=-3.571,
    aftermath=0.9,
)

MODELS = {
    "pcma": WAVEFORM,
    "pcmu": WAVEFORM,
    "g722": WAVEFORM,
    "l16": WAVEFORM,
    "gsm": GSM,
    "ilbc": ILBC,
    "speex": SPEEX_NARROW,
    "speex-wide": SPEEX_WIDE,
}

PASSES = (1, 2)
"""Number of passes through a codec: 1 in a call, 2 when the peer sends the audio back."""

VOICES = 0.08  # of the power: the hiss of voices
HEARD = 0.3  # other audio does not reach this correlation for a second

WAVEFORM_LIMITS = 2 * (Limits(correlation=0.85, similarity=0.95, deviation_db=1.5, concealed=0.01),)
LIMITS = {
    "pcma": WAVEFORM_LIMITS,
    "pcmu": WAVEFORM_LIMITS,
    "g722": WAVEFORM_LIMITS,
    "l16": WAVEFORM_LIMITS,
    "gsm": (
        Limits(correlation=0.85, similarity=0.93, deviation_db=2.8, concealed=0.01, hiss_loss=4.0),
        Limits(correlation=0.75, similarity=0.9, deviation_db=3.8, concealed=0.01, hiss_loss=4.0),
    ),
    "ilbc": (
        Limits(correlation=0.75, similarity=0.95, deviation_db=3.0, concealed=0.01, hiss_loss=0.4),
        Limits(correlation=0.55, similarity=0.9, deviation_db=3.8, concealed=0.01, hiss_loss=0.4),
    ),
    "speex": (
        Limits(correlation=0.75, similarity=0.95, deviation_db=2.2, concealed=0.01),
        Limits(correlation=0.58, similarity=0.93, deviation_db=3.2, concealed=0.01),
    ),
    "opus": (  # at 8 kbit/s and more
        Limits(correlation=0.6, similarity=0.95, deviation_db=2.6, concealed=0.01, hiss_loss=4.0),
        Limits(correlation=0.55, similarity=0.92, deviation_db=3.4, concealed=0.01, hiss_loss=4.0),
    ),
}
WEAKEST = (
    Limits(correlation=0.75, similarity=0.93, deviation_db=3.0, concealed=0.02, hiss_loss=4.0),
    Limits(correlation=0.55, similarity=0.9, deviation_db=3.8, concealed=0.02, hiss_loss=4.0),
)

CODECS = frozenset(LIMITS)
"""The names of the measured codecs, in lower case without clock rate."""
