"""The check of a running system, end to end: what is wrong, where, and how to mend it."""
