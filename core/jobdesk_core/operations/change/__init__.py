"""Acts on jobs that exist: cancel, retry, delete and the others, planned and applied."""
