"""The product: documents of tokens in one global order, as Arrow files. Knows token ids; knows no text."""
