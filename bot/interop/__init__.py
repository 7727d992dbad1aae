"""SRTP interoperability test with a peer: cells, observations, verdicts, reports."""
