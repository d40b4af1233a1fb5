"""The command line's groups of commands; each gathers its input, calls a room and prints what came of it."""
