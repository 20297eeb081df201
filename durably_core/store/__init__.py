"""Where runs are kept. ``base`` is the contract; each database has a module of its own."""
