"""Timings beside peers, in the same run on the same machine. Not tests: nothing fails here."""
