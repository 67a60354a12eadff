"""The command line: thin, one file a command; `main` is the entry point."""
