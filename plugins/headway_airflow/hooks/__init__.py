"""Hooks talk to a system."""
