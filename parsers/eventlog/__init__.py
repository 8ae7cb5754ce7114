"""Windows event logs."""
