"""Verbs of the command line that have a file of their own; `shellcase.cli` lists them one by one."""
