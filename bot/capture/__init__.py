"""Analysis of packet captures: calls, RTP streams, and the SRTP protection of each stream (RFC 3711)."""

__all__ = ["LINGER_S"]

LINGER_S = 5.0
"""Seconds after the BYE of a call in which its packets may still arrive."""
