"""The alerts panel, its rules, and how they reach the desktop."""
