"""JAKI, the citizen application: a documented feed shape that an official one can be fitted to."""
