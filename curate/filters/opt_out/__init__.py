"""Who asked not to be used: robots.txt and lists of opt-outs, by user agent and date, and the documents that they
mean."""
