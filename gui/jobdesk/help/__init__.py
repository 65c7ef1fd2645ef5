"""The help inside the window: topics in Markdown, found by words, shown by Qt's own browser."""
