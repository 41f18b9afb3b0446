"""Corefile text to directives with positions, and the readers of their arguments.

    text → lexer → braces → variables → imports → grammar → ServerBlock → values (called by plugins)

Nothing here knows which directives exist. Disk and environment are arguments: only `disk.Local`
touches files.
"""
