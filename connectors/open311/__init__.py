"""Open311 GeoReport v2, as cities really serve it."""
