"""Comparing data mixes by training on them."""
