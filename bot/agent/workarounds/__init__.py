"""Workarounds for faults of PJSIP: one file per fault, with its symptom and the remedy."""
