"""Network definitions. Imports neither `app` nor `tools`."""
