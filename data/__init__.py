"""The shipped workbooks, the figures they are authored from, and the script that makes them."""
