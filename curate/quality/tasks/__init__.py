"""Tasks of the quality step."""
