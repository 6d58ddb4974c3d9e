"""The command line: parses arguments, calls, prints. Knows no implementation."""
