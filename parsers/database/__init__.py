"""Databases of Windows: resource usage, user access logging, transfer jobs and WMI, each with its own parser."""
