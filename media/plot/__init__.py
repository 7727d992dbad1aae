"""Plots of audio: waveforms, spectrograms and their annotations."""
