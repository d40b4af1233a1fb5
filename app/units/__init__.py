"""How each unit does: the tree of units, and the response-time status of each with all below it."""
