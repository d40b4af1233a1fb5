"""Connectors: one folder for each kind of outside system, all behind `contract.py`."""
