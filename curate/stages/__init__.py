"""The task functions: each reads committed files, applies steps to their batches, and writes files. Knows no engine."""
