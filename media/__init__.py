"""Audio and RTP tools: files, test signals, comparison, detection, captures; independent of SIP and of `bot`.

Import the modules themselves (`from media import wav, compare`): nothing is loaded before it is needed.
"""
