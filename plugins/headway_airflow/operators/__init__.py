"""Operators do one step; what its green says is in each one's docstring."""
