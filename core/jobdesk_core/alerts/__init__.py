"""Rules that tell someone: thresholds, durations, begun and over, muted and quiet, with a history."""
