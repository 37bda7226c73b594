"""Spark: the query functions, the stores they keep, and everything a submission needs."""
