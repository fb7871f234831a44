"""Network definitions: what a network is, apart from who runs it. Imports neither `app` nor `tools`."""
