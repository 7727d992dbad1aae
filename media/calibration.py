"""Owns what was measured of codecs in real calls; it must not know how a recording is judged by it.

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
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CODECS", "Limits", "Model", "limits_of", "model_of"]


@dataclass(frozen=True, slots=True)
class Model:
    """How to weigh what `concealment.context` gives of a packet.

    The weighted sum and `bias` are the logarithm of how much likelier the packet is when it was lost.
    `aftermath`: a decoder that predicts from its past needs a few packets to recover, which are taken for
    lost ones now and then; by so much the expected share of lost ones has to be divided, plus one.
    `significant`: with less evidence in all (a log-likelihood ratio) nothing was lost; in clean calls it
    reached 1.9, through iLBC 7.0.
    """

    weights: tuple[float, ...]
    bias: float
    aftermath: float
    significant: float = 3.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What a clean call through a codec keeps, and damaged or other audio does not.

    `correlation` of the waveforms and `similarity` of the spectrograms, at least; the share of packets
    `concealed`, at most.
    """

    correlation: float
    similarity: float
    concealed: float


def limits_of(codec: str | None) -> Limits:
    """The limits for a codec by its name; without a name, the weakest of all."""
    return LIMITS.get((codec or "").casefold().split("/")[0], WEAKEST)


def model_of(codec: str | None) -> Model:
    """The model for a codec by its name, such as ``GSM`` or ``speex/16000``; without a name, one for all."""
    name = (codec or "").casefold()
    if name.startswith("speex"):
        return SPEEX_WIDE if "/16000" in name or "/32000" in name else SPEEX_NARROW
    return MODELS.get(name.split("/")[0], ANY)


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

MODELS = {"pcma": WAVEFORM, "pcmu": WAVEFORM, "g722": WAVEFORM, "l16": WAVEFORM, "gsm": GSM, "ilbc": ILBC}

WAVEFORM_LIMITS = Limits(correlation=0.85, similarity=0.95, concealed=0.01)
LIMITS = {
    "pcma": WAVEFORM_LIMITS,
    "pcmu": WAVEFORM_LIMITS,
    "g722": WAVEFORM_LIMITS,
    "l16": WAVEFORM_LIMITS,
    "gsm": Limits(correlation=0.85, similarity=0.93, concealed=0.01),
    "ilbc": Limits(correlation=0.75, similarity=0.95, concealed=0.02),
    "speex": Limits(correlation=0.75, similarity=0.95, concealed=0.01),
}
WEAKEST = Limits(correlation=0.75, similarity=0.93, concealed=0.02)

CODECS = frozenset(LIMITS)
"""The names, in lower case and without clock rate, of the codecs that were measured."""
