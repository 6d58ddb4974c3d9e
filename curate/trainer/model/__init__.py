"""The model, its presets, its loss, generation and export."""
