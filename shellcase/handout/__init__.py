"""What leaves the house: packages, excerpts, single items, trees for other tools; work product never by accident."""
