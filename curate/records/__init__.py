"""The Arrow schemas of every file the project writes, and its files of aligned batches.

A module per stage, so that a new column renames only what writes it.
"""
