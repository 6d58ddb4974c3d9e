"""Turns raw web crawls into audited, reproducible pre-training data."""
