"""What proves a fleet: reductions over what landed, checks against the model, a report to look at."""
