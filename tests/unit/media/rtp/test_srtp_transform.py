"""Our own SRTP gives the RFCs' test vectors, and bit for bit what libsrtp gives."""

import hmac
import random
import struct

import pylibsrtp
import pytest

from media.rtp.srtp_key import SUITES, SrtpKey, Suite
from media.rtp.srtp_transform import AesCm, AesGcm, SessionKeys, Transform, session_keys, transform

every_suite = pytest.mark.parametrize("suite", SUITES.values(), ids=SUITES)

PROFILES = {
    "AES_CM_128_HMAC_SHA1_80": pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    "AES_CM_128_HMAC_SHA1_32": pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
    "AEAD_AES_128_GCM": pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    "AEAD_AES_256_GCM": pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
}

hexa = bytes.fromhex

KEY_128 = SrtpKey(
    "AES_CM_128_HMAC_SHA1_80", hexa("e1f97a0d3e018be0d64fa32c06de4139"), hexa("0ec675ad498afeebb6960b3aabe6")
)
KEY_256 = SrtpKey(
    "AES_256_CM_HMAC_SHA1_80",
    hexa("f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6"),
    hexa("3b04803de51ee7c96423ab5b78d2"),
)
RTP = hexa("800f1234 decafbad cafebabe") + b"\xab" * 16
RTCP = hexa("81c8000b cafebabe") + b"\xab" * 16


def key_of(suite: Suite, mki: bytes = b"") -> SrtpKey:
    dice = random.Random(suite.name)
    return SrtpKey(suite.name, dice.randbytes(suite.key_length), dice.randbytes(suite.salt_length), mki)


def header_length(packet: bytes) -> int:
    return 12 + 4 * (packet[0] & 15) + (8 if packet[0] & 16 else 0)


def rtp_packets() -> list[bytes]:
    """With and without contributing sources, header extension and padding, of all kinds of lengths."""
    dice = random.Random(1)
    packets = []
    for sequence, length in enumerate([0, 1, 15, 16, 17, 160, 161, 640, 1200]):
        for first, rest in ((0x80, b""), (0x82, bytes(8)), (0x91, bytes(4) + hexa("bede000110ff0000"))):
            body = rest + dice.randbytes(length)
            packets.append(struct.pack(">BBHII", first, 8, 3 * sequence + len(rest) % 3, 9, 77) + body)
        padded = struct.pack(">BBHII", 0xA0, 8, 3 * sequence, 9, 78) + dice.randbytes(length) + b"\0\0\x03"
        packets.append(padded)
    return packets


# The vectors


@pytest.mark.parametrize(
    ("key", "block", "stream"),
    [
        (  # RFC 3711 B.2
            "2b7e151628aed2a6abf7158809cf4f3c",
            0,
            "e03ead0935c95e80e166b16dd92b4eb4d23513162b02d0f72a43a2fe4a5f97ab41e95b3bb0a2e8dd477901e4fca894c0",
        ),
        (
            "2b7e151628aed2a6abf7158809cf4f3c",
            0xFEFF,
            "ec8cdf7398607cb0f2d21675ea9ea1e4362b7c3c6773516318a077d7fc5073ae6a2cc3787889374fbeb4c81b17ba6c44",
        ),
        (  # RFC 6188 7.1
            "57f82fe3613fd170a85ec93c40b1f0922ec4cb0dc025b58272147cc438944a98",
            0,
            "92bdd28a93c3f52511c677d08b5515a49da71b2378a854f67050756ded165bac63c4868b7096d88421b563b8c94c9a31",
        ),
        (
            "57f82fe3613fd170a85ec93c40b1f0922ec4cb0dc025b58272147cc438944a98",
            0xFEFF,
            "cea518c90fd91ced9cbb18c078a547113dbc4814f4da5f00a08772b63c6a046d6eb246913062a16891433e97dd01a57f",
        ),
    ],
)
def test_the_key_stream_of_rfc_3711_and_6188(key: str, block: int, stream: str) -> None:
    keys = SessionKeys(hexa(key), bytes(20), hexa("f0f1f2f3f4f5f6f7f8f9fafbfcfd"))
    ours = AesCm(SUITES["AES_CM_128_HMAC_SHA1_80"], b"", keys, keys)
    protected = ours.protect(bytes(16 * (block + 3)), 0, 0, 0)
    assert protected[16 * block :][:48] == hexa(stream)


def test_the_session_keys_of_rfc_3711_b_3() -> None:
    assert session_keys(KEY_128, 0) == SessionKeys(
        hexa("c61e7a93744f39ee10734afe3ff7a087"),
        hexa("cebe321f6ff7716b6fd4ab49af256a156d38baa4"),
        hexa("30cbbc08863d8c85d49db34a9ae1"),
    )


def test_the_session_keys_of_rfc_6188_7_2() -> None:
    assert session_keys(KEY_256, 0) == SessionKeys(
        hexa("5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4"),
        hexa("fd9c32d39ed5fbb5a9dc96b30818454d1313dc05"),
        hexa("fa31791685ca444a9e07c6c64e93"),
    )


@pytest.mark.parametrize(
    ("key", "protected"),
    [
        (KEY_128, "4e55dc4ce79978d88ca4d215949d2402 b78d6acc99ea179b8dbb"),
        # libsrtp's packet of 256 bits is made with a key that differs from RFC 6188's in its second byte
        (
            SrtpKey(KEY_256.suite, b"\xf0\xf0" + KEY_256.master_key[2:], KEY_256.master_salt),
            "f1d9de17ff251ff1aa007774b0b4b40d a08d9d9a5b3a55d8873b",
        ),
    ],
)
def test_whole_packets_that_libsrtp_is_tested_with(key: SrtpKey, protected: str) -> None:
    whole = RTP[:12] + hexa(protected)
    assert transform(key).protect(RTP, 12, 0xCAFEBABE, 0x1234) == whole
    assert transform(key).unprotect(whole, 12, 0xCAFEBABE, 0x1234) == RTP


def test_the_srtcp_packet_that_libsrtp_is_tested_with() -> None:
    whole = RTCP[:8] + hexa("7128035be487b9bdbef89041f977a5a8 80000001 993e08cd54d6c1230798")
    assert transform(KEY_128).protect_rtcp(RTCP, 1) == whole
    assert transform(KEY_128).unprotect_rtcp(whole) == RTCP


def gcm(bits: int) -> AesGcm:
    """RFC 7714 sections 16 and 17: session keys, no master key."""
    keys = SessionKeys(bytes(range(bits // 8)), b"", b"Quid pro quo")
    return AesGcm(SUITES["AEAD_AES_128_GCM"], b"", keys, keys)


@pytest.mark.parametrize(
    ("bits", "sealed"),
    [
        (  # 16.1
            128,
            "f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833"
            "899d7f27beb16a9152cf765ee4390cce",
        ),
        (  # 16.2
            256,
            "32b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ffae0f1ba63799b87b"
            "7aa3db36dfffd6b0f9bb7878d7a76c13",
        ),
    ],
)
def test_srtp_of_rfc_7714(bits: int, sealed: str) -> None:
    header = hexa("8040f17b8041f8d35501a0b2")
    plain = header + b"Gallia est omnis divisa in partes tres"
    assert gcm(bits).protect(plain, 12, 0x5501A0B2, 0xF17B) == header + hexa(sealed)
    assert gcm(bits).unprotect(header + hexa(sealed), 12, 0x5501A0B2, 0xF17B) == plain


@pytest.mark.parametrize(
    ("bits", "encrypted", "whole"),
    [
        (  # 17.1
            128,
            True,
            "81c8000d4d61727363e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda4ce09b46"
            "86303ded0bb9275bc84aa45896cf4d2fc5abf87245d9eade800005d4",
        ),
        (  # 17.2
            256,
            True,
            "81c8000d4d617273d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50a2eaa5c1110555be8415f658"
            "c61de0476f1b6fad1d1eb30c4446839f57ff6f6cb26ac3be800005d4",
        ),
        (  # 17.3
            128,
            False,
            "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeefdeadbeef"
            "deadbeefdeadbeef841dd9683dd78ec92ae58790125f62b3000005d4",
        ),
    ],
)
def test_srtcp_of_rfc_7714(bits: int, encrypted: bool, whole: str) -> None:
    plain = hexa("81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61") + hexa("deadbeef") * 5
    assert gcm(bits).protect_rtcp(plain, 0x5D4, encrypted=encrypted) == hexa(whole)
    assert gcm(bits).unprotect_rtcp(hexa(whole)) == plain


# libsrtp


def libsrtp(suite: str, direction: int) -> pylibsrtp.Session:
    key = key_of(SUITES[suite])
    policy = pylibsrtp.Policy(
        key=key.master_key + key.master_salt, ssrc_type=direction, srtp_profile=PROFILES[suite]
    )
    policy.allow_repeat_tx = True
    return pylibsrtp.Session(policy)


@pytest.mark.parametrize("suite", PROFILES)
def test_rtp_as_libsrtp_protects_it(suite: str) -> None:
    theirs, ours = libsrtp(suite, pylibsrtp.Policy.SSRC_ANY_OUTBOUND), transform(key_of(SUITES[suite]))
    for packet in rtp_packets():
        header, sequence, ssrc = header_length(packet), packet[3], packet[11]
        protected = theirs.protect(packet)
        assert ours.protect(packet, header, ssrc, sequence) == protected
        assert ours.unprotect(protected, header, ssrc, sequence) == packet


@pytest.mark.parametrize("suite", PROFILES)
def test_rtcp_as_libsrtp_protects_it(suite: str) -> None:
    theirs, ours = libsrtp(suite, pylibsrtp.Policy.SSRC_ANY_OUTBOUND), transform(key_of(SUITES[suite]))
    for index in range(1, 30):
        packet = RTCP + bytes(4 * index)
        protected = theirs.protect_rtcp(packet)
        assert ours.protect_rtcp(packet, index) == protected
        assert ours.unprotect_rtcp(protected) == packet


@pytest.mark.parametrize("suite", PROFILES)
def test_libsrtp_takes_our_srtcp(suite: str) -> None:
    theirs, ours = libsrtp(suite, pylibsrtp.Policy.SSRC_ANY_INBOUND), transform(key_of(SUITES[suite]))
    for index in (0, 1, 100, 0x7FFFFFFF):
        assert theirs.unprotect_rtcp(ours.protect_rtcp(RTCP, index)) == RTCP


def test_srtcp_without_the_e_bit_is_only_tagged() -> None:  # libsrtp refuses it under these suites
    tagged = RTCP + hexa("00000007")
    tag = hmac.digest(session_keys(KEY_128, 3).authentication, tagged, "sha1")[:10]
    assert transform(KEY_128).protect_rtcp(RTCP, 7, encrypted=False) == tagged + tag


# Every suite


@every_suite
@pytest.mark.parametrize("mki", [b"", b"\0\0\0\x01"], ids=["no MKI", "MKI"])
def test_a_protected_packet_can_be_unprotected(suite: Suite, mki: bytes) -> None:
    ours = transform(key_of(suite, mki))
    for packet in rtp_packets():
        for index in (0, 65535, 65536, (1 << 48) - 1):
            header = header_length(packet)
            protected = ours.protect(packet, header, 77, index)
            assert len(protected) == len(packet) + len(mki) + suite.tag_length
            assert ours.unprotect(protected, header, 77, index) == packet
            assert ours.unprotect(protected, header, 77, index ^ 1 << 16) is None
    for encrypted in (True, False):
        protected = ours.protect_rtcp(RTCP, 5, encrypted=encrypted)
        assert len(protected) == len(RTCP) + 4 + len(mki) + suite.rtcp_tag_length
        assert ours.unprotect_rtcp(protected) == RTCP
        assert (RTCP[8:] in protected) is not encrypted


@every_suite
def test_the_mki_stands_where_the_rfcs_have_it(suite: Suite) -> None:
    plain, marked = transform(key_of(suite)), transform(key_of(suite, b"<mki>"))
    tag = 0 if suite.aead else suite.tag_length  # RFC 7714's tag belongs to the ciphertext
    without, with_it = plain.protect(RTP, 12, 1, 1), marked.protect(RTP, 12, 1, 1)
    end = len(without) - tag
    assert with_it == without[:end] + b"<mki>" + without[end:]
    assert plain.unprotect(with_it, 12, 1, 1) is None
    assert marked.unprotect(without, 12, 1, 1) is None
    tag = 0 if suite.aead else suite.rtcp_tag_length
    without, with_it = plain.protect_rtcp(RTCP, 1), marked.protect_rtcp(RTCP, 1)
    end = len(without) - tag
    assert with_it == without[:end] + b"<mki>" + without[end:]


def _altered(packet: bytes) -> list[bytes]:
    return [packet[:at] + bytes([packet[at] ^ 1]) + packet[at + 1 :] for at in range(len(packet))]


@every_suite
@pytest.mark.parametrize("mki", [b"", b"1"], ids=["no MKI", "MKI"])
def test_no_byte_can_be_changed_and_none_be_missing(suite: Suite, mki: bytes) -> None:
    ours: Transform = transform(key_of(suite, mki))
    protected, report = ours.protect(RTP, 12, 1, 1), ours.protect_rtcp(RTCP, 1)
    for packet in _altered(protected):
        assert ours.unprotect(packet, 12, 1, 1) is None
    for packet in _altered(report):
        assert ours.unprotect_rtcp(packet) is None
    for end in range(12, len(protected)):
        assert ours.unprotect(protected[:end], 12, 1, 1) is None
    for end in range(8, len(report)):
        assert ours.unprotect_rtcp(report[:end]) is None
