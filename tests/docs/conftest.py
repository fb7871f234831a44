"""Documents are tested on a host: most of the commands that they show do not run under Python 3.6."""

import sys

collect_ignore_glob = ["test_*.py"] if sys.version_info < (3, 9) else []
