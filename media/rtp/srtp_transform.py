"""SRTP and SRTCP packet transforms for a known packet index: AES-CM with HMAC-SHA1, AES-GCM.

Counter mode with HMAC-SHA1: RFC 3711 sections 3.1, 3.4, 4.1.1, 4.2 and, with 256 bits, RFC 6188.
AES-GCM: RFC 7714 sections 8 and 9. Session keys: RFC 3711 section 4.3.
"""

from __future__ import annotations

from collections import OrderedDict
from hmac import compare_digest
from typing import NamedTuple, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.hmac import HMAC

from media.rtp.srtp_key import SUITES, SrtpKey, Suite

__all__ = ["AesCm", "AesGcm", "SessionKeys", "Transform", "session_keys", "transform"]

RTP_LABELS, RTCP_LABELS = 0, 3  # of the cipher key; the next ones: authentication key, salt
AUTHENTICATION_KEY = 20  # bytes
RTCP_HEADER = 8  # bytes that are not encrypted
ENCRYPTED = 1 << 31  # the E bit before the 31 bits of an SRTCP index
WORD = 4  # bytes of the E bit with the index
MOST_DERIVATIONS = 8  # session keys that are kept where they are derived anew


class SessionKeys(NamedTuple):
    """The session keys of RTP or RTCP in one direction."""

    cipher: bytes
    authentication: bytes
    salt: bytes


class Transform(Protocol):
    """Protects and unprotects single packets; returns None for a packet that is not authentic."""

    def protect(self, packet: bytes, header: int, ssrc: int, index: int) -> bytes:
        """Convert an RTP packet with ``header`` bytes of header to SRTP; ``index``: 48 bits."""

    def unprotect(self, packet: bytes, header: int, ssrc: int, index: int) -> bytes | None:
        """The reverse."""

    def protect_rtcp(self, packet: bytes, index: int, *, encrypted: bool = True) -> bytes:
        """Convert an RTCP packet to SRTCP; ``index``: 31 bits."""

    def unprotect_rtcp(self, packet: bytes) -> bytes | None:
        """The reverse; the packet carries its own index."""

    def rtcp_index(self, packet: bytes) -> int:
        """The 31-bit index in an SRTCP packet."""


def transform(key: SrtpKey) -> Transform:
    """The transform of a key's suite, with the session keys of that key."""
    return Rederiving(key) if key.derivation_rate else _transform(key, 0)


def _transform(key: SrtpKey, derivation: int) -> Transform:
    suite = SUITES[key.suite]
    rtp, rtcp = session_keys(key, RTP_LABELS, derivation), session_keys(key, RTCP_LABELS, derivation)
    if suite.aead:
        return AesGcm(suite, key.mki, rtp, rtcp)
    return AesCm(suite, key.mki, rtp, rtcp, tag=key.tag_length, encrypted=key.encrypted)


def session_keys(key: SrtpKey, labels: int, derivation: int = 0) -> SessionKeys:
    """Derive session keys from a master key (RFC 3711 section 4.3.1; RFC 7714 section 11: shorter salts).

    ``derivation``: the index divided by the key derivation rate; 0 without a rate.
    """
    salt = int.from_bytes(key.master_salt.ljust(14, b"\0"), "big")

    def derived(label: int, length: int) -> bytes:
        start = (salt ^ (label << 48 | derivation)) << 16
        stream = Cipher(algorithms.AES(key.master_key), modes.CTR(start.to_bytes(16, "big"))).encryptor()
        return stream.update(bytes(length))

    cipher = derived(labels, len(key.master_key))
    return SessionKeys(
        cipher, derived(labels + 1, AUTHENTICATION_KEY), derived(labels + 2, len(key.master_salt))
    )


class Rederiving:
    """The transform of a key with a key derivation rate."""

    def __init__(self, key: SrtpKey) -> None:
        self._key = key
        self._by_derivation: OrderedDict[int, Transform] = OrderedDict()

    def _at(self, index: int) -> Transform:
        derivation = index // self._key.derivation_rate
        found = self._by_derivation.get(derivation)
        if found is None:
            found = self._by_derivation[derivation] = _transform(self._key, derivation)
            if len(self._by_derivation) > MOST_DERIVATIONS:
                self._by_derivation.popitem(last=False)
        return found

    def protect(self, packet: bytes, header: int, ssrc: int, index: int) -> bytes:
        """See Transform."""
        return self._at(index).protect(packet, header, ssrc, index)

    def unprotect(self, packet: bytes, header: int, ssrc: int, index: int) -> bytes | None:
        """See Transform."""
        return self._at(index).unprotect(packet, header, ssrc, index)

    def protect_rtcp(self, packet: bytes, index: int, *, encrypted: bool = True) -> bytes:
        """See Transform."""
        return self._at(index).protect_rtcp(packet, index, encrypted=encrypted)

    def unprotect_rtcp(self, packet: bytes) -> bytes | None:
        """See Transform."""
        return self._at(self.rtcp_index(packet)).unprotect_rtcp(packet)

    def rtcp_index(self, packet: bytes) -> int:
        """See Transform."""
        return self._at(0).rtcp_index(packet)


class AesCm:
    """AES in counter mode with HMAC-SHA1, for all lengths of key and tag.

    SRTP: header, ciphertext, MKI, tag. SRTCP: header, ciphertext, E bit and index, MKI, tag.
    """

    def __init__(
        self,
        suite: Suite,
        mki: bytes,
        rtp: SessionKeys,
        rtcp: SessionKeys,
        *,
        tag: int | None = None,
        encrypted: bool = True,
    ) -> None:
        """``tag``: length of the RTP tag in bytes, by default that of the suite; 0 for no authentication.

        ``encrypted``: whether RTP is encrypted.
        """
        self._mki = mki
        self._encrypted = encrypted
        self._tag, self._rtcp_tag = suite.tag_length if tag is None else tag, suite.rtcp_tag_length
        self._stream, self._rtcp_stream = _CounterMode(rtp), _CounterMode(rtcp)
        self._mac = HMAC(rtp.authentication, SHA1())
        self._rtcp_mac = HMAC(rtcp.authentication, SHA1())

    def protect(self, packet: bytes, header: int, ssrc: int, index: int) -> bytes:
        """See Transform."""
        body = packet[:header] + self._crypt(ssrc, index, packet[header:])
        return body + self._mki + _digest(self._mac, body, _rollover(index))[: self._tag]

    def unprotect(self, packet: bytes, header: int, ssrc: int, index: int) -> bytes | None:
        """See Transform."""
        tag_at = len(packet) - self._tag
        end = tag_at - len(self._mki)
        if end < header or packet[end:tag_at] != self._mki:
            return None
        tag = _digest(self._mac, packet[:end], _rollover(index))[: self._tag]
        if not compare_digest(tag, packet[tag_at:]):
            return None
        return packet[:header] + self._crypt(ssrc, index, packet[header:end])

    def _crypt(self, ssrc: int, index: int, payload: bytes) -> bytes:
        return self._stream.apply(ssrc, index, payload) if self._encrypted else payload

    def protect_rtcp(self, packet: bytes, index: int, *, encrypted: bool = True) -> bytes:
        """See Transform."""
        if encrypted:
            packet = self._crypt_rtcp(packet, index)
        body = packet + _word(index, encrypted)
        return body + self._mki + _digest(self._rtcp_mac, body)[: self._rtcp_tag]

    def unprotect_rtcp(self, packet: bytes) -> bytes | None:
        """See Transform."""
        tag_at = len(packet) - self._rtcp_tag
        end = tag_at - len(self._mki)
        if end < RTCP_HEADER + WORD or packet[end:tag_at] != self._mki:
            return None
        tag = _digest(self._rtcp_mac, packet[:end])[: self._rtcp_tag]
        if not compare_digest(tag, packet[tag_at:]):
            return None
        word = int.from_bytes(packet[end - WORD : end], "big")
        plain = packet[: end - WORD]
        return self._crypt_rtcp(plain, word % ENCRYPTED) if word & ENCRYPTED else plain

    def rtcp_index(self, packet: bytes) -> int:
        """See Transform."""
        end = len(packet) - self._rtcp_tag - len(self._mki)
        return _number(packet[max(0, end - WORD) : end]) % ENCRYPTED

    def _crypt_rtcp(self, packet: bytes, index: int) -> bytes:
        return packet[:RTCP_HEADER] + self._rtcp_stream.apply(_rtcp_ssrc(packet), index, packet[RTCP_HEADER:])


class AesGcm:
    """AES in Galois/counter mode.

    SRTP: header, ciphertext with tag, MKI. SRTCP: header, ciphertext with tag, E bit and index, MKI.
    """

    def __init__(self, suite: Suite, mki: bytes, rtp: SessionKeys, rtcp: SessionKeys) -> None:
        self._mki = mki
        self._rtcp_tag = suite.rtcp_tag_length
        self._gcm = _Gcm(rtp.cipher, suite.tag_length)
        self._rtcp_gcm = _Gcm(rtcp.cipher, suite.rtcp_tag_length)
        self._salt, self._rtcp_salt = _number(rtp.salt), _number(rtcp.salt)

    def protect(self, packet: bytes, header: int, ssrc: int, index: int) -> bytes:
        """See Transform."""
        head = packet[:header]
        sealed = self._gcm.encrypt(_gcm_iv(self._salt, ssrc, index), packet[header:], head)
        return head + sealed + self._mki

    def unprotect(self, packet: bytes, header: int, ssrc: int, index: int) -> bytes | None:
        """See Transform."""
        end = len(packet) - len(self._mki)
        if packet[end:] != self._mki:
            return None
        head = packet[:header]
        plain = self._gcm.decrypt(_gcm_iv(self._salt, ssrc, index), packet[header:end], head)
        return None if plain is None else head + plain

    def protect_rtcp(self, packet: bytes, index: int, *, encrypted: bool = True) -> bytes:
        """See Transform."""
        iv = _gcm_iv(self._rtcp_salt, _rtcp_ssrc(packet), index)
        word = _word(index, encrypted)
        clear = RTCP_HEADER if encrypted else len(packet)
        sealed = self._rtcp_gcm.encrypt(iv, packet[clear:], packet[:clear] + word)
        return packet[:clear] + sealed + word + self._mki

    def unprotect_rtcp(self, packet: bytes) -> bytes | None:
        """See Transform."""
        end = len(packet) - len(self._mki)
        word_at = end - WORD
        tag_at = word_at - self._rtcp_tag
        if tag_at < RTCP_HEADER or packet[end:] != self._mki:
            return None
        word = packet[word_at:end]
        number = _number(word)
        iv = _gcm_iv(self._rtcp_salt, _rtcp_ssrc(packet), number % ENCRYPTED)
        clear = RTCP_HEADER if number & ENCRYPTED else tag_at
        plain = self._rtcp_gcm.decrypt(iv, packet[clear:word_at], packet[:clear] + word)
        return None if plain is None else packet[:clear] + plain

    def rtcp_index(self, packet: bytes) -> int:
        """See Transform."""
        end = len(packet) - len(self._mki)
        return _number(packet[max(0, end - WORD) : end]) % ENCRYPTED


class _Gcm:
    """AES-GCM with any tag length of SRTP; the tag follows the ciphertext."""

    def __init__(self, key: bytes, tag: int) -> None:
        self._cipher = algorithms.AES(key)
        self._tag = tag

    def encrypt(self, iv: bytes, plain: bytes, clear: bytes) -> bytes:
        encryptor = Cipher(self._cipher, modes.GCM(iv)).encryptor()
        encryptor.authenticate_additional_data(clear)
        return encryptor.update(plain) + encryptor.finalize() + encryptor.tag[: self._tag]

    def decrypt(self, iv: bytes, sealed: bytes, clear: bytes) -> bytes | None:
        end = len(sealed) - self._tag
        if end < 0:
            return None
        mode = modes.GCM(iv, sealed[end:], min_tag_length=self._tag)
        decryptor = Cipher(self._cipher, mode).decryptor()
        decryptor.authenticate_additional_data(clear)
        try:
            return decryptor.update(sealed[:end]) + decryptor.finalize()
        except InvalidTag:
            return None


class _CounterMode:
    """The key stream of RFC 3711 section 4.1.1."""

    def __init__(self, keys: SessionKeys) -> None:
        self._salt = _number(keys.salt) << 16
        self._cipher = Cipher(algorithms.AES(keys.cipher), modes.CTR(bytes(16))).encryptor()

    def apply(self, ssrc: int, index: int, data: bytes) -> bytes:
        """Encrypt or decrypt; both are the same operation."""
        self._cipher.reset_nonce((self._salt ^ ssrc << 64 ^ index << 16).to_bytes(16, "big"))
        return self._cipher.update(data)


def _digest(mac: HMAC, data: bytes, rollover: bytes = b"") -> bytes:
    mac = mac.copy()
    mac.update(data + rollover)
    return mac.finalize()


def _gcm_iv(salt: int, ssrc: int, index: int) -> bytes:
    return (salt ^ (ssrc << 48 | index)).to_bytes(12, "big")


def _rollover(index: int) -> bytes:
    return (index >> 16).to_bytes(4, "big")


def _word(index: int, encrypted: bool) -> bytes:
    return (index | (ENCRYPTED if encrypted else 0)).to_bytes(WORD, "big")


def _rtcp_ssrc(packet: bytes) -> int:
    return _number(packet[4:8])


def _number(data: bytes) -> int:
    return int.from_bytes(data, "big")
