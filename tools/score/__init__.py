"""The parts of `tools.score`: labels, average precision, and where the mistakes are."""

# Low enough that the whole precision-recall curve is seen; the same as for the reference detections.
LEAST_SCORE = 0.005
