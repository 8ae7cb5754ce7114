"""What the logs of a case can and cannot show: gaps, jumps, clearings, clocks. Made of the timeline alone."""
