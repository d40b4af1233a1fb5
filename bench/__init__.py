"""Benchmarks: each prints its figures beside the raw limit of the same machine (docs/performance.md)."""
