"""Tokenizers: text columns to columns of token ids. Knows no documents, steps or shards."""

from curate.tokens.tokenizer import Tokenizer, load

__all__ = ["Tokenizer", "load"]
