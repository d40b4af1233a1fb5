"""The REST door: one router for each room, and what all of them share."""
