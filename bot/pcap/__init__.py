"""Captures understood: the calls in them, their RTP streams, and what protects each of these."""
