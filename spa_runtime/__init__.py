"""Durably in the browser.

``bridge`` runs inside Pyodide, between the worker's JavaScript and the engine. The rest runs on the
developer's machine: ``bundle`` makes the folder that a static host serves, ``serve`` serves it.
"""
