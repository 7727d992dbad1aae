"""Detectors: DTMF, voice activity, call progress tones, answering machines."""
