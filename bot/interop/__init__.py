"""Does SDES-SRTP work between us and a peer: what is tried, what came of it, how that is judged and shown."""
