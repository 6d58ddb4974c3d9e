"""A run: the order of stages, what is published, and the tasks that belong to no subject."""
