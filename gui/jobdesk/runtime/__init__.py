"""What the program runs on: the event loop, the log, garbage, the language, files beside the code."""
