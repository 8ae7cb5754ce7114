"""The Windows registry: hives, their keys, and plug-ins that know what a key means."""
