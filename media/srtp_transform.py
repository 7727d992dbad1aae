"""Owns the arithmetic of SRTP on a packet whose index is known; it must not know what came before.

Counter mode with HMAC-SHA1: RFC 3711 sections 3.1, 3.4, 4.1.1, 4.2 and, with 256 bits, RFC 6188.
AES-GCM: RFC 7714 sections 8 and 9. Session keys: RFC 3711 section 4.3 with a key derivation rate of 0.
"""

from __future__ import annotations

import hmac
from typing import NamedTuple, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from media.srtp_key import SUITES, SrtpKey, Suite

__all__ = ["AesCm", "AesGcm", "SessionKeys", "Transform", "session_keys", "transform"]

RTP_LABELS, RTCP_LABELS = 0, 3  # of the cipher key; the next are the authentication key's and the salt's
AUTHENTICATION_KEY = 20  # bytes
RTCP_HEADER = 8  # bytes that stay in the clear
ENCRYPTED = 1 << 31  # the E bit before the 31 bits of an SRTCP index
WORD = 4  # bytes of the E bit with the index


class SessionKeys(NamedTuple):
    """What one direction's RTP or RTCP is protected with."""

    cipher: bytes
    authentication: bytes
    salt: bytes


class Transform(Protocol):
    """Protects and unprotects single packets; what is not authentic becomes None."""

    def protect(self, packet: bytes, header: int, ssrc: int, index: int) -> bytes:
        """An SRTP packet of an RTP packet with ``header`` bytes of header; ``index``: 48 bits."""

    def unprotect(self, packet: bytes, header: int, ssrc: int, index: int) -> bytes | None:
        """The reverse."""

    def protect_rtcp(self, packet: bytes, index: int, *, encrypted: bool = True) -> bytes:
        """An SRTCP packet of an RTCP packet; ``index``: 31 bits."""

    def unprotect_rtcp(self, packet: bytes) -> bytes | None:
        """The reverse; the packet says its index itself."""


def transform(key: SrtpKey) -> Transform:
    """The transform of a key's suite, with the session keys of that key."""
    suite = SUITES[key.suite]
    rtp, rtcp = session_keys(key, RTP_LABELS), session_keys(key, RTCP_LABELS)
    return AesGcm(key.mki, rtp, rtcp) if suite.aead else AesCm(suite, key.mki, rtp, rtcp)


def session_keys(key: SrtpKey, labels: int) -> SessionKeys:
    """Derive session keys from a master key (RFC 3711 section 4.3.1; RFC 7714 section 11: shorter salts)."""
    salt = int.from_bytes(key.master_salt.ljust(14, b"\0"), "big")

    def derived(label: int, length: int) -> bytes:
        start = (salt ^ label << 48) << 16
        stream = Cipher(algorithms.AES(key.master_key), modes.CTR(start.to_bytes(16, "big"))).encryptor()
        return stream.update(bytes(length))

    cipher = derived(labels, len(key.master_key))
    return SessionKeys(
        cipher, derived(labels + 1, AUTHENTICATION_KEY), derived(labels + 2, len(key.master_salt))
    )


class AesCm:
    """AES in counter mode with HMAC-SHA1, for every length of key and tag.

    SRTP: header, ciphertext, MKI, tag. SRTCP: header, ciphertext, E bit and index, MKI, tag.
    """

    def __init__(self, suite: Suite, mki: bytes, rtp: SessionKeys, rtcp: SessionKeys) -> None:
        self._mki = mki
        self._tag, self._rtcp_tag = suite.tag_length, suite.rtcp_tag_length
        self._stream, self._rtcp_stream = _CounterMode(rtp), _CounterMode(rtcp)
        self._mac = hmac.new(rtp.authentication, digestmod="sha1")
        self._rtcp_mac = hmac.new(rtcp.authentication, digestmod="sha1")

    def protect(self, packet: bytes, header: int, ssrc: int, index: int) -> bytes:
        """See Transform."""
        body = packet[:header] + self._stream.apply(ssrc, index, packet[header:])
        return body + self._mki + _digest(self._mac, body, _rollover(index))[: self._tag]

    def unprotect(self, packet: bytes, header: int, ssrc: int, index: int) -> bytes | None:
        """See Transform."""
        tag_at = len(packet) - self._tag
        end = tag_at - len(self._mki)
        if end < header or packet[end:tag_at] != self._mki:
            return None
        tag = _digest(self._mac, packet[:end], _rollover(index))[: self._tag]
        if not hmac.compare_digest(tag, packet[tag_at:]):
            return None
        return packet[:header] + self._stream.apply(ssrc, index, packet[header:end])

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
        if not hmac.compare_digest(tag, packet[tag_at:]):
            return None
        word = int.from_bytes(packet[end - WORD : end], "big")
        plain = packet[: end - WORD]
        return self._crypt_rtcp(plain, word % ENCRYPTED) if word & ENCRYPTED else plain

    def _crypt_rtcp(self, packet: bytes, index: int) -> bytes:
        return packet[:RTCP_HEADER] + self._rtcp_stream.apply(_rtcp_ssrc(packet), index, packet[RTCP_HEADER:])


class AesGcm:
    """AES in Galois/counter mode.

    SRTP: header, ciphertext with tag, MKI. SRTCP: header, ciphertext with tag, E bit and index, MKI.
    """

    def __init__(self, mki: bytes, rtp: SessionKeys, rtcp: SessionKeys) -> None:
        self._mki = mki
        self._gcm, self._rtcp_gcm = AESGCM(rtp.cipher), AESGCM(rtcp.cipher)
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
        plain = _opened(self._gcm, _gcm_iv(self._salt, ssrc, index), packet[header:end], head)
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
        tag_at = word_at - 16
        if tag_at < RTCP_HEADER or packet[end:] != self._mki:
            return None
        word = packet[word_at:end]
        number = _number(word)
        iv = _gcm_iv(self._rtcp_salt, _rtcp_ssrc(packet), number % ENCRYPTED)
        clear = RTCP_HEADER if number & ENCRYPTED else tag_at
        plain = _opened(self._rtcp_gcm, iv, packet[clear:word_at], packet[:clear] + word)
        return None if plain is None else packet[:clear] + plain


class _CounterMode:
    """The key stream of RFC 3711 section 4.1.1."""

    def __init__(self, keys: SessionKeys) -> None:
        self._salt = _number(keys.salt) << 16
        self._cipher = Cipher(algorithms.AES(keys.cipher), modes.CTR(bytes(16))).encryptor()

    def apply(self, ssrc: int, index: int, data: bytes) -> bytes:
        """Encrypt or decrypt, which is the same."""
        self._cipher.reset_nonce((self._salt ^ ssrc << 64 ^ index << 16).to_bytes(16, "big"))
        return self._cipher.update(data)


def _digest(mac: hmac.HMAC, *parts: bytes) -> bytes:
    mac = mac.copy()
    for part in parts:
        mac.update(part)
    return mac.digest()


def _opened(gcm: AESGCM, iv: bytes, sealed: bytes, clear: bytes) -> bytes | None:
    try:
        return gcm.decrypt(iv, sealed, clear)
    except InvalidTag:
        return None


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
