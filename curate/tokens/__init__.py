"""Tokenizers: text columns to columns of token ids. Knows no documents, steps or shards."""

from curate.tokens.tokenizer import Tokenizer, load, load_recorded

__all__ = ["Tokenizer", "load", "load_recorded"]
