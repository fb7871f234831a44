"""Opens the live view that a run asks for."""

import argparse

from app.web.server import LiveView
from app.web.state import Run


def open_live_view(options: argparse.Namespace, run: Run) -> LiveView:
    """The live view of a run. options: of the whole run. Raises what `LiveView` raises."""
    names = options.serve_host.split(",") if options.serve_host else ()
    return LiveView(options.serve, run, token=options.serve_token, names=names, tls=options.serve_tls)
