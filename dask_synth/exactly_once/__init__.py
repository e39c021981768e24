"""When it counts: one writer, a commit in one step, nothing lost and nothing half-written."""
