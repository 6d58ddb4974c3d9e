"""Files of settings as values: YAML with line numbers, read into frozen, typed models. Knows no step."""
