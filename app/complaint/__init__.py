"""What a complaint is and how it may move; pure, standard library and `sla` only."""
