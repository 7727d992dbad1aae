"""Audio for testers: files, test signals and proof of what arrived; it knows no SIP and never imports `bot`.

Import the modules themselves (`from media import wav, compare`): nothing is loaded before it is needed.
"""
