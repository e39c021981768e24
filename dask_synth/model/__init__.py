"""What a fleet is: pure functions of (configuration, seed, server, time), on NumPy and pandas alone."""
