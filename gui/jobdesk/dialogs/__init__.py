"""Dialogs: opened, never executed; what was typed stays until it is done."""
