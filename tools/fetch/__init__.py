"""Fetches models, clips and data sets."""
