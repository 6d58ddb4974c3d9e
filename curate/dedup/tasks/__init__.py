"""Tasks of deduplication."""
