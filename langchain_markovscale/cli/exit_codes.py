"""What the exit code of the command says."""

FAILED = 1
"""Something was asked for that did not come about, such as an answer."""

BAD_INPUT = 2
"""The command cannot be carried out as it was given."""

INTERRUPTED = 130
"""Ctrl-C, by the convention of shells."""
