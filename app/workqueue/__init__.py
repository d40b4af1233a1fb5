"""What officers do: the one queue over every source, one complaint in full, and the moves."""
