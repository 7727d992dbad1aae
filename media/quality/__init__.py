"""Speech quality estimates: the E-model (ITU-T G.107) and PESQ (ITU-T P.862)."""
