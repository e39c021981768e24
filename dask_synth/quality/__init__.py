"""What proves a fleet: Dask reductions over what landed, checks against the model's expectation, a report to look at."""
