"""Rules on numbers: what a document fails, and what it is kept or dropped for."""
