"""What happened per minute over days, kept on this machine: recorded, compacted, bounded, and read as ranges."""
