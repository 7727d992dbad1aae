"""Keys are read as RFC 4568 writes them, a wrong one is explained, and none is shown."""

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.rtp.srtp_key import SUITES, SrtpError, SrtpKey, Suite

many = settings(max_examples=300, deadline=None, derandomize=True)
every_suite = pytest.mark.parametrize("suite", SUITES.values(), ids=SUITES)

NAME = "AES_CM_128_HMAC_SHA1_80"
MATERIAL = bytes(range(30))


def encoded(material: bytes) -> str:
    return base64.b64encode(material).decode()


@every_suite
def test_a_key_of_each_suite(suite: Suite) -> None:
    material = bytes(range(suite.key_length + suite.salt_length))
    key = SrtpKey.from_inline(suite.name, f"inline:{encoded(material)}")
    assert key == SrtpKey(suite.name, material[: suite.key_length], material[suite.key_length :])
    assert (key.mki, key.lifetime) == (b"", None)


@pytest.mark.parametrize(
    ("options", "lifetime", "mki"),
    [
        ("|2^20", 1 << 20, b""),
        ("|1048576", 1 << 20, b""),
        ("|2^48", 1 << 48, b""),
        ("|2^20|1:4", 1 << 20, b"\0\0\0\x01"),
        ("|66051:3", None, b"\x01\x02\x03"),
        ("|0:128", None, bytes(128)),
    ],
)
def test_lifetime_and_mki(options: str, lifetime: int | None, mki: bytes) -> None:
    key = SrtpKey.from_inline(NAME, f"inline:{encoded(MATERIAL)}{options}")
    assert (key.lifetime, key.mki) == (lifetime, mki)


def test_the_padding_may_be_missing() -> None:
    material = bytes(range(46))
    assert encoded(material).endswith("==")
    key = SrtpKey.from_inline("AES_256_CM_HMAC_SHA1_80", f"INLINE:{encoded(material).rstrip('=')}")
    assert key.master_key + key.master_salt == material


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (encoded(MATERIAL), "do not begin with 'inline:'"),
        ("", "do not begin with 'inline:'"),
        (f"uri:{encoded(MATERIAL)}", "do not begin with 'inline:'"),
        ("inline:", "has 0 bytes where 30 are expected (16 of key and 14 of salt)"),
        (f"inline:{encoded(MATERIAL[:29])}", "has 29 bytes where 30 are expected"),
        (f"inline:{encoded(MATERIAL + b'x')}", "has 31 bytes where 30 are expected"),
        ("inline:" + "A" * 39 + "!", "the 40 characters of the key are not base64"),
        ("inline:" + "A" * 41, "the 41 characters of the key are not base64"),
        ("inline:" + "A" * 39 + "\u00e9", "the 40 characters of the key are not base64"),
        (f"inline:{encoded(MATERIAL)};inline:{encoded(MATERIAL)}", "there are 2 keys"),
        (f"inline:{encoded(MATERIAL)}|2^49", "the lifetime '2^49' is not from 1 to 2^48 packets"),
        (f"inline:{encoded(MATERIAL)}|2^999999999999", "is not from 1 to 2^48 packets"),
        (f"inline:{encoded(MATERIAL)}|0", "the lifetime '0' is not from 1 to 2^48 packets"),
        (f"inline:{encoded(MATERIAL)}|long", "the lifetime 'long' is no number of packets"),
        (f"inline:{encoded(MATERIAL)}|", "the lifetime '' is no number of packets"),
        (f"inline:{encoded(MATERIAL)}|1:", "the MKI '1:' is not like '1:4'"),
        (f"inline:{encoded(MATERIAL)}|256:1", "the MKI '256:1' does not fit in 1 bytes"),
        (f"inline:{encoded(MATERIAL)}|1:129", "an MKI has 1 to 128 bytes, not 129"),
        (f"inline:{encoded(MATERIAL)}|1:0", "an MKI has 1 to 128 bytes, not 0"),
        (f"inline:{encoded(MATERIAL)}|2^20|1:4|1", "more than a lifetime and an MKI"),
        (f"inline:{encoded(MATERIAL)}|1:4|2^20", "more than a lifetime and an MKI"),
    ],
)
def test_errors_are_described_without_the_key(text: str, message: str) -> None:
    with pytest.raises(SrtpError) as raised:
        SrtpKey.from_inline(NAME, text)
    assert message in str(raised.value)
    assert "AAAA" not in str(raised.value)
    assert encoded(MATERIAL)[:8] not in str(raised.value)
    assert raised.value.__cause__ is None


def test_the_case_of_a_suite_does_not_matter() -> None:
    """RFC 4568 section 4."""
    key = SrtpKey.from_inline(NAME.lower(), f"inline:{encoded(MATERIAL)}")
    assert key == SrtpKey.from_inline(NAME, f"inline:{encoded(MATERIAL)}")
    assert key.suite == NAME


@pytest.mark.parametrize(
    ("suite", "text"),
    [
        (f"inline:{encoded(MATERIAL)}", NAME),
        ("inline:abcdefgh", NAME),
        (encoded(MATERIAL), f"inline:{encoded(MATERIAL)}"),
        (NAME, f"inline:{encoded(MATERIAL)}|{encoded(MATERIAL)}"),
        (NAME, f"inline:{encoded(MATERIAL)}|inline:abcdefgh"),
    ],
)
def test_a_key_in_the_wrong_place_is_not_shown(suite: str, text: str) -> None:
    with pytest.raises(SrtpError, match="given") as raised:
        SrtpKey.from_inline(suite, text)
    shown = str(raised.value).lower()
    assert encoded(MATERIAL)[:8].lower() not in shown
    assert "abcd" not in shown


@pytest.mark.parametrize("name", ["AES_CM_128_HMAC_SHA1_90", "F8_128_HMAC_SHA1_80", ""])
def test_an_unknown_suite_is_refused_with_the_known_suites(name: str) -> None:
    with pytest.raises(SrtpError, match="is none of AES_CM_128_HMAC_SHA1_80, ") as raised:
        SrtpKey.from_inline(name, f"inline:{encoded(MATERIAL)}")
    assert repr(name) in str(raised.value)


def test_lengths_are_checked_without_an_inline_too() -> None:
    with pytest.raises(SrtpError, match="the master key has 15 bytes where 16 are expected"):
        SrtpKey(NAME, bytes(15), bytes(14))
    with pytest.raises(SrtpError, match="the master salt has 12 bytes where 14 are expected"):
        SrtpKey(NAME, bytes(16), bytes(12))
    with pytest.raises(SrtpError, match="at most 128 bytes, not 129"):
        SrtpKey(NAME, bytes(16), bytes(14), bytes(129))


def test_a_key_does_not_show_itself() -> None:
    key = SrtpKey.from_inline(NAME, f"inline:{encoded(MATERIAL)}|2^20|1:4")
    shown = f"{key} {key!r}"
    assert NAME in shown
    assert "\\x0" not in shown.replace(repr(key.mki), "")
    assert encoded(MATERIAL) not in shown


@many
@given(st.text(max_size=80))
def test_hostile_parameters_are_wrong_and_nothing_worse(text: str) -> None:
    for candidate in (text, f"inline:{text}", f"inline:{encoded(MATERIAL)}|{text}"):
        try:
            key = SrtpKey.from_inline(NAME, candidate)
        except SrtpError:
            continue
        assert len(key.master_key) == 16
