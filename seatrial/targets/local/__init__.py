"""The local target: every component a real process under supervisord, on free ports, in one folder.

`target.LocalTarget` is its face; nothing is imported here, so that the helper programs of this package start fast.
"""
