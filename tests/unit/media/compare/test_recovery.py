"""media.compare.recovery: the recovery of a decoder after a lost packet, and replaced audio."""

import numpy as np
import pytest

from media.compare.compare import Options, compare
from media.compare.recovery import recovering
from tests.support.reference_audio import recorded_pair

FALL = 8.0
RIGHT = [-6.0] * 20
FADES = [9.0, 12, 12, 12, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]
STAYS = [9.0, 12, 12, 11, 10, 12, 9, 11, 12, 10]


def explained(*stretches: list[float], fall: float = FALL) -> list[int]:
    """The frames that a recovery explains, of stretches of evidence with right audio around each."""
    evidence = np.array([*(value for stretch in stretches for value in (*RIGHT, *stretch)), *RIGHT])
    return np.flatnonzero(recovering(evidence, evidence >= 0, fall, 15)).tolist()


def test_an_error_that_fades_is_a_recovery() -> None:
    assert explained(FADES)[:11] == list(range(24, 35))  # all but the first 40 ms


def test_an_error_that_ends_at_once_is_replaced_audio() -> None:
    assert explained(STAYS) == []


def test_each_stretch_is_judged_separately() -> None:
    found = explained(FADES, STAYS, FADES)

    assert not set(found) & set(range(55, 65))
    assert {30, 90} <= set(found)


def test_errors_of_less_than_60_ms_are_a_recovery() -> None:
    """It ends at once as well, but too soon to tell."""
    assert explained([12.0] * 6)[:2] == [24, 25]


def test_the_end_is_not_far_less_wrong_than_the_beginning() -> None:
    assert explained([12.0] * 5 + [6.0] * 5)[:6] == list(range(24, 30))


def test_no_recovery_is_longer_than_the_codecs() -> None:
    assert explained(list(np.linspace(12, 0.5, 40))) == []


def test_quiet_audio_may_be_replaced() -> None:
    """A vowel that was frozen goes on in the pause after it, and ends there at once."""
    evidence = np.array([*RIGHT, 8.0, 11, 12, 12, 10, 7, 7, 12, 12, 12, *RIGHT])
    probable = np.zeros(len(evidence), np.bool_)
    probable[20:27] = True

    assert not recovering(evidence, probable, FALL, 15).any()


@pytest.mark.parametrize("fall", [8.0, 13.0])
def test_how_far_it_falls_is_the_codecs(fall: float) -> None:
    stays = [5.0] * 10  # 11 above what is right

    assert bool(explained(stays, fall=fall)) == (fall > 11)


def test_stretches_at_the_ends_and_none_at_all_are_no_trouble() -> None:
    for evidence in (np.zeros(0), np.full(3, 9.0), np.full(12, 9.0), np.array([-6.0] * 10 + [9.0])):
        found = recovering(evidence, evidence > 0, FALL, 15)
        assert len(found) == len(evidence)
        assert not found[:4].any()


@pytest.mark.parametrize("codec", ["speex/8000", "speex/16000", "G722"])
def test_one_lost_packet_matches(codec: str) -> None:
    """The loudest packet of 20 ms was lost; the decoder recovered for 60 to 100 ms."""
    name = f"one-packet-lost.{codec.replace('/', '-')}"
    reference, recording = recorded_pair(name)

    result = compare(reference, recording, options=Options(codec=codec))

    assert result.matched, result.reasons
    assert [gap.duration_ms for gap in result.gaps] == [40]
