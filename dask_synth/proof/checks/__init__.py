"""One file a family of checks: each compares what came with what must come."""
