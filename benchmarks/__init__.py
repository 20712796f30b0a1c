"""Figures for the parts of Caselog whose speed is promised: `python -m benchmarks`."""
