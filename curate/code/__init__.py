"""Which code decides a result, the user's own included, and what the result is called for it. Runs none of it."""
