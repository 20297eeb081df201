"""Says which Python is needed, in a sentence. Runs on any Python 3."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - this file runs on those too
    version = sys.version.split()[0]
    sys.exit("Durably needs Python 3.11 or newer; this is %s. Say which: make PYTHON=python3.12" % version)  # noqa: UP031
