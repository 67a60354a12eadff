"""Raw files of lines: how lines with headers of their own become frames, whatever format they come in."""
