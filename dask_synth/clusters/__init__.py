"""Who makes it: a scheduler value to a client of a cluster that works."""
