"""media.audio.file_errors: why a file cannot be had, in a few words."""

from pathlib import Path

import pytest

from media.audio.file_errors import folder_hint, reason


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(28, "No space left on device", "x.wav"), "No space left on device"),
        (OSError("no number"), "no number"),
        (ValueError("embedded null byte"), "embedded null byte"),
    ],
)
def test_the_path_is_left_out(error: Exception, message: str) -> None:
    assert reason(error) == message


def test_only_a_folder_that_is_missing_is_suspected(tmp_path: Path) -> None:
    assert folder_hint(tmp_path / "x.wav") == ""
    assert folder_hint(tmp_path / "none" / "x.wav") == "; does its folder exist?"
