"""Tasks, their commits and names, and where they execute. Knows no step."""
