"""Classifiers of CIFAR-100: their cards, the data, scores, confusions, and the verdict of an evaluation. Imports nothing."""
