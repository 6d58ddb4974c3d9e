"""The reference pages of the docs, made from the code's own words: a module per subject, each page a function to text."""
