"""One folder a baseline."""
