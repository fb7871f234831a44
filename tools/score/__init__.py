"""The parts of `tools.score`: labels, average precision, and an analysis of the mistakes."""

# Low enough for the complete precision-recall curve; the same as in the reference detections.
LEAST_SCORE = 0.005
