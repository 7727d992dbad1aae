"""Logistic regression weights for the detection of replaced audio (`replaced.features`).

Fitted by logistic regression to the frames of 2,200 recordings through the codecs and the concealment of
PJSIP: texts and strings of digits by 25 voices of eSpeak NG and Flite, `speech_like`, and music (chords,
melodies, drums by additive synthesis). Two thirds were damaged in a known place: 5 and 10 % of the packets
lost; 100 to 200 ms replaced by what was before them, by one frame over and over, by interpolation, by
themselves backwards; a word or a digit by another. Replaced and true frames weigh alike, so that the sum is
the logarithm of the likelihood ratio. That of ANY is lowered by 2: a codec without a name may be GSM.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from media.compare.calibration import model_key

__all__ = ["Weights", "weights_of"]


@dataclass(frozen=True, slots=True)
class Weights:
    """The weighted sum and `bias` are the log-likelihood ratio that a frame was replaced.

    At the end of replaced audio the ratio falls by `fall` or more; while a decoder recovers from a lost
    packet it falls by less. None: the codec has no memory, so that nothing has to recover. `recovers` is the
    longest recovery in frames of 10 ms.
    """

    of_features: tuple[float, ...]
    bias: float
    fall: float | None = 8.0
    recovers: int = 15


def weights_of(codec: str | None) -> Weights:
    """The model for a codec by its name, such as ``GSM`` or ``speex/16000``.

    Without a name, the general model.
    """
    return MODELS.get(model_key(codec), ANY)


WAVEFORM = Weights(
    of_features=(
        -0.474,
        -0.0942,
        -0.214,
        1.06,
        3.27,
        -5.1,
        -1.97,
        2.95,
        0.0428,
        -1.84,
        7.91,
        0.101,
        -0.0824,
        0.332,
        -1.06,
        -2.53,
        -0.0754,
        0.169,
        0.395,
        -0.463,
        0.56,
        -0.448,
        0.00448,
        -0.394,
        -0.609,
        1.21,
        -0.24,
        -1.83,
        -0.0929,
        0.032,
    ),
    bias=-5.89,
    fall=None,
)

GSM = Weights(
    of_features=(
        -1.17,
        1.36,
        -2.41,
        -0.172,
        0.576,
        3.82,
        5.62,
        4.67,
        0.975,
        2.71,
        3.72,
        -0.0185,
        -0.598,
        0.575,
        0.0952,
        -0.18,
        0.181,
        -0.598,
        0.628,
        -2.4,
        -0.12,
        -4.53,
        -6.36,
        -0.634,
        -0.895,
        0.0507,
        -0.731,
        0.458,
        -0.771,
        -1.24,
    ),
    bias=-2.25,
    fall=7.0,
)

ILBC = Weights(
    of_features=(
        -2.61,
        -0.95,
        -0.677,
        2.41,
        1.08,
        -2.76,
        7.43,
        3.9,
        1.15,
        0.321,
        3.38,
        1.1,
        -0.482,
        0.34,
        0.341,
        -0.176,
        0.36,
        -2.25,
        4.62,
        -1.08,
        0.563,
        -2.34,
        0.155,
        -1.33,
        -1.78,
        2.01,
        1.87,
        1.13,
        -0.883,
        -2.72,
    ),
    bias=-5.84,
    recovers=5,
)

SPEEX_NARROW = Weights(
    of_features=(
        -1.57,
        -0.641,
        -0.992,
        0.768,
        2.85,
        0.485,
        6.06,
        1.94,
        -0.0187,
        -2.32,
        5.69,
        -0.227,
        -0.615,
        0.946,
        0.732,
        -1.04,
        0.0874,
        -1.98,
        2.8,
        -1.79,
        0.512,
        -2.15,
        0.662,
        -2.33,
        -0.247,
        2.09,
        -0.0499,
        0.574,
        -2.09,
        -1.12,
    ),
    bias=-3.07,
)

SPEEX_WIDE = Weights(
    of_features=(
        -1.83,
        -0.734,
        -0.696,
        0.846,
        2.34,
        2.0,
        5.01,
        0.824,
        0.619,
        -3.73,
        6.05,
        -0.113,
        -0.0899,
        0.84,
        0.286,
        -0.538,
        -0.336,
        -0.887,
        -0.235,
        -0.293,
        0.566,
        -1.69,
        -2.91,
        -2.05,
        -0.447,
        1.82,
        -0.0567,
        0.818,
        -1.78,
        -0.917,
    ),
    bias=0.115,
)

ANY = Weights(
    of_features=(
        -0.771,
        -0.487,
        -0.825,
        1.74,
        1.49,
        1.18,
        5.73,
        2.9,
        0.231,
        -0.195,
        4.07,
        -0.00907,
        -0.419,
        0.601,
        0.355,
        -0.278,
        0.161,
        -0.56,
        0.347,
        -1.37,
        0.121,
        -2.56,
        -0.443,
        -2.04,
        -0.806,
        2.01,
        0.545,
        1.2,
        -1.2,
        -1.19,
    ),
    bias=-7.27,
    fall=10.0,
)

G722 = replace(WAVEFORM, fall=12.0, recovers=9)

MODELS = {
    "pcma": WAVEFORM,
    "pcmu": WAVEFORM,
    "g722": G722,
    "l16": WAVEFORM,
    "gsm": GSM,
    "ilbc": ILBC,
    "speex": SPEEX_NARROW,
    "speex-wide": SPEEX_WIDE,
}
