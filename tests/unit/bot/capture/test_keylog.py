"""The key log: lines as they are written are read again, and what is none is told by its place."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.capture.keylog import Log, LoggedKey, line, read
from bot.errors import ConfigError

KEY = LoggedKey("abc@example", True, 1, "AES_CM_128_HMAC_SHA1_80", "inline:c2VjcmV0|2^20|1:4")


def test_what_is_written_is_read(tmp_path: Path) -> None:
    other = LoggedKey("a call", False, 2, "AES_256_CM_HMAC_SHA1_32", "inline:b3RoZXI=")
    path = tmp_path / "keys"
    path.write_text(f"# of yesterday\n\n{line(KEY)}{line(other)}")
    assert read(path) == [KEY, other]
    assert line(KEY) == "abc@example sent 1 AES_CM_128_HMAC_SHA1_80 inline:c2VjcmV0|2^20|1:4\n"


def test_a_log_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text("of yesterday")
    path.chmod(0o644)
    for append in (False, True):
        log = Log(path, append=append)
        log.write(KEY)
        log.close()
        assert log.problem is None
    assert path.read_text() == 2 * line(KEY)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_ends_the_writing_and_nothing_else() -> None:
    log = Log("/dev/full")
    log.write(KEY)
    log.write(KEY)
    log.close()
    assert log.problem == "/dev/full: the key log is incomplete: No space left on device"


def test_a_key_is_not_shown() -> None:
    assert "c2VjcmV0" not in repr(KEY)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("abc", "has 1 words"),
        ("abc sent 1 SUITE", "has 4 words"),
        ("abc up 1 SUITE inline:secret", "neither sent nor received"),
        ("abc sent x SUITE inline:secret", "its tag is not a number"),
        ("abc sent ² SUITE inline:secret", "its tag is not a number"),
        ("abc sent 1 SUITE secret", "does not begin with inline:"),
    ],
)
def test_another_line_is_told_by_its_place_and_without_the_key(text: str, why: str, tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text(f"# keys\n{line(KEY)}{text}\n")
    with pytest.raises(ConfigError) as error:
        read(path)
    assert str(error.value).startswith(f"{path}:3: ")
    assert why in str(error.value)
    assert "secret" not in str(error.value)


def test_files_that_are_none(tmp_path: Path) -> None:
    for path in (tmp_path / "missing", tmp_path, Path("a\0b")):
        with pytest.raises(ConfigError, match=r"cannot be read|no file has such a name"):
            read(path)


def test_an_endless_line(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_bytes(b"x" * 1_000_000)
    with pytest.raises(ConfigError, match=":1: has 1 words"):
        read(path)


@given(st.binary(max_size=300))
def test_anything_may_be_in_the_file(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "anything"
    path.write_bytes(content)
    try:
        read(path)
    except ConfigError as error:
        assert str(error).startswith(str(path))
