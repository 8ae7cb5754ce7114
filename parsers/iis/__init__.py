"""IIS access logs."""
