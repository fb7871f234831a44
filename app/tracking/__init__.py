"""From detections to things: a tracker, lines that things cross, zones that they are in, and the events of both."""
