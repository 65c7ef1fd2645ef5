"""Widgets that know how to look and nothing of databases: values in, signals out."""
