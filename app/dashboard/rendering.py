"""Templates to HTML: one environment, everything escaped, an unknown name an error."""

from __future__ import annotations

import functools

from jinja2 import Environment, PackageLoader, StrictUndefined

from app.dashboard import charts
from app.dashboard.insight import MOST_REFS
from app.dashboard.wording import Wording, grade, grade_of, judged


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("app.dashboard"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals.update(charts=charts, grade=grade, grade_of=grade_of, judged=judged, most_refs=MOST_REFS)
    return environment


def render(name: str, say: Wording, **values: object) -> str:
    """The template `name` in the reader's language; `say` writes figures, `t` holds the words."""
    return _environment().get_template(name).render(say=say, t=say.words, **values)
