"""A make-believe city: deterministic complaints, served in each source's real wire shape."""
