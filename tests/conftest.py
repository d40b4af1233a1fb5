"""What every test may ask for."""

from __future__ import annotations

from pathlib import Path

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
"""Real input beside the checkout, where there is any; tests that need it skip with a reason when it is absent."""
