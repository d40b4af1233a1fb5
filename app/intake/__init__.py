"""Sources in: pull, merge, route, keep aside, account for."""
