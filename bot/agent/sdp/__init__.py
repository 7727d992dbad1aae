"""Local session descriptions (RFC 8866) before they are sent: codecs, m= lines, edits for tests."""
