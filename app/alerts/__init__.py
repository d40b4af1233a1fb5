"""Warnings and breaches out: watch the clocks, write alerts once, deliver them until they arrive."""
