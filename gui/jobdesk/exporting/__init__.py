"""Jobs into a file: what is asked for, how it goes on in the background, and how its end is told."""
