"""Rules that tell someone: what needs attention, from when on, whom, and each beginning and end once."""
