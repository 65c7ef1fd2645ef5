"""Qt item models, fed by the monitor. A model shows what it is given and decides nothing."""
