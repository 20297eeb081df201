"""The command ``durably``."""

from durably_core.cli.app import main

__all__ = ["main"]
