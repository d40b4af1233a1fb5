"""Calendars and policies as rows with versions: checks, proposals, the recalculation that follows, what-if."""
