"""What Microsoft Defender keeps beside its event log: its own log, its detections, and what it locked away."""
