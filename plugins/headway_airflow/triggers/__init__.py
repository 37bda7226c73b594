"""Triggers wait, in the triggerer, without holding a worker."""
