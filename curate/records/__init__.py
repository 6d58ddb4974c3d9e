"""The Arrow schemas of every file the project writes.

A module per stage, so that a new column renames only what writes it.
"""
