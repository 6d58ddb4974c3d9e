"""Training: data, optimiser, parallel work, checkpoints."""
