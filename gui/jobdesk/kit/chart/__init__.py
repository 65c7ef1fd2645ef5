"""A chart over time: counts stacked as steps, and below them curves on the same axis. It draws what it is given."""
