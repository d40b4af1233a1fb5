"""Every table, one file for each group; statements elsewhere select columns, not objects."""
