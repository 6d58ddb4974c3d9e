"""Tasks of the pipeline itself: reading, evaluating, the ledger, documents."""
