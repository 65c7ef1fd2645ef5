"""The Overview: what needs attention, and how the last hour went."""
