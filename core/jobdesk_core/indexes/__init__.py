"""Which index would make a slow filter fast."""
