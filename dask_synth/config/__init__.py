"""The door: what a user writes, checked once, into frozen objects."""
