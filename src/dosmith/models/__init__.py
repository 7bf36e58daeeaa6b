"""Models: what three kinds of them share, and a folder for each kind."""
