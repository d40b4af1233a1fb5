"""Reference data as files: units, categories, status words, calendars, policies of Jakarta, and how they are loaded."""
