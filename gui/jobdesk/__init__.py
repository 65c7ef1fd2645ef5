"""Jobdesk: the desktop console for Procrastinate job queues."""
