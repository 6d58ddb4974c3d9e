"""What documents are about: a topic of each, from a classifier that was brought or from clusters of their words."""
