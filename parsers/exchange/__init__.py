"""Exchange's own text logs."""
