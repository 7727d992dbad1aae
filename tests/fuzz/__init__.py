"""Mutated messages against an agent, as a callee and as a caller: ``make fuzz``."""
