"""CIFAR-100 classifiers: cards, data, scores, confusions and the verdict. Imports nothing, for the doctor's sake."""
