"""The filter language: text becomes a tree of conditions, each as SQL and as a question to a row."""
