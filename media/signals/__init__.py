"""Test signals from a text such as ``speech:2,dtmf:159#``: ``grammar`` parses it, ``signals`` generates."""
