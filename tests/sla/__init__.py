"""The SLA room: worked cases, tables of cases, an independent walk, and the defects of others by name."""
