"""The window that holds the features together: its header, pages and footer, actions, palette and settings."""
