"""What must come of a fleet: the expectation, standard error and skewness of every statistic, in closed form. Pure."""
