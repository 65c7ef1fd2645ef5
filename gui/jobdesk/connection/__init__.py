"""Connections: the open one, the dialogs that describe and try one, and the page that stands where none is open."""
