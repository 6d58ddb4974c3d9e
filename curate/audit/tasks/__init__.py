"""Tasks that count ledgers and mark removed records."""
