"""Audio files and basic measurements: ``wav``, ``riff``, ``levels``, ``spectra``, ``band``, ``hiss``."""
