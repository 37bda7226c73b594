"""Analyse statements and plan queries."""
