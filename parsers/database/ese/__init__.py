"""A bounded reader of Extensible Storage Engine databases: pages, records, catalogue. No log is ever replayed.

Formats: Microsoft's published sources (github.com/microsoft/Extensible-Storage-Engine) and libesedb's description.
Nothing here follows a pointer twice, so that no damage makes it run for ever.
"""
