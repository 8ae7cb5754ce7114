"""Paperwork of a case: custody, run sheet, certification drafts, CASE/UCO, validation, second-tool check.

Everything here copies what records say and leaves blank what only people know; nothing is guessed.
"""
