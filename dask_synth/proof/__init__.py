"""Do they agree: what came beside what must come, and the verdict."""
