"""Author the shipped workbooks from the figures in ``data/network``: pure functions, one file a sheet."""
