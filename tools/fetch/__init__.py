"""Downloads models, clips and data sets; `from tools.fetch.manifest import fetch` from Python."""
