"""The jobs of the demo, in the order in which its page offers them."""

from import_csv import import_csv
from resize_images import resize_images
from sync_notes import sync_notes

__all__ = ["import_csv", "resize_images", "sync_notes"]
