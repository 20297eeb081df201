"""The jobs of the demo, in the order in which its page offers them."""

from import_csv import import_csv

__all__ = ["import_csv"]
