"""The documents: their commands, links and snippets."""
