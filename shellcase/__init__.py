"""shellcase: from a disk image of a broken-into Exchange server to a case folder, a timeline and a report."""

__version__ = "0.1.0"
