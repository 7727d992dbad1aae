"""Load: many verified calls at once, their schedule, figures, thresholds and reports."""
