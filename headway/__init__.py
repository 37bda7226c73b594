"""Headway: workbooks into live transit data, the whole pipeline on real parts."""

__version__ = "0.1.0"
