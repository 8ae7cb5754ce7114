"""Traces of programs that ran and of files that were opened: prefetch, shortcuts, tasks, shells, crash reports."""
