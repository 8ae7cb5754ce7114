"""NTFS: the master file table and the change journal."""
