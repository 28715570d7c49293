"""Benchmarks: each against a floor measured in the same run, printed side by side."""
