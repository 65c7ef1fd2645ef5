"""Acts that run in the background: who runs them, their chip in the footer, their panel, and what they leave to say."""
