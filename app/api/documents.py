"""The OpenAPI document and its page for people, with scripts served from our own origin."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.staticfiles import StaticFiles

from app.api.edge import POLICY
from app.api.idempotency import PARAMETER
from app.api.problems import MEDIA_TYPE, Problem

router = APIRouter(include_in_schema=False)

ASSETS = "/docs/assets"

# The page's library sets styles in elements and draws its marks from data URLs.
_PAGE_POLICY = POLICY.replace(
    "default-src 'self'", "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:"
)
_PAGE = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tanggap API</title>
<link rel="icon" href="{ASSETS}/favicon.png">
<link rel="stylesheet" href="{ASSETS}/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="{ASSETS}/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""
_START = """SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis],
});
"""
_ALWAYS = {401: "Nobody known is asking.", 403: "The role does not allow it."}
_EVERYWHERE = {
    400: "This host name is not served here.",
    422: "Something is malformed, or not known here.",
    429: "Too many requests; see Retry-After.",
    500: "Something went wrong; the log knows more.",
    503: "The database cannot be reached just now.",
}
_CHANGES = {409: "The state of the thing forbids it."}
_WITH_VERSION = {412: "The version in If-Match is not the current one."}
_WITH_BODY = {413: "The body is too large.", 415: "The body is not of the media type asked for."}


def assets() -> StaticFiles:
    """The scripts and styles that the documentation package brings."""
    return StaticFiles(directory=Path(str(files("fastapi_offline"))) / "static")


@router.get("/openapi.json")
async def openapi(request: Request) -> JSONResponse:
    """The document of the whole REST door."""
    return JSONResponse(describe(request.app))


@router.get("/docs")
async def page() -> HTMLResponse:
    """The page; it is empty without script."""
    return HTMLResponse(_PAGE, headers={"content-security-policy": _PAGE_POLICY})


@router.get("/docs/start.js")
async def start() -> Response:
    """What the page runs; apart from it, since the policy allows no script inside a page."""
    return Response(_START, media_type="text/javascript")


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, made once, with every refusal that a route can answer."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas["Problem"] = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= schemas["Problem"].pop("$defs", {})
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                if "security" in operation and method != "get":
                    operation.setdefault("parameters", []).append(PARAMETER)
                _add_refusals(path, method, operation)
        app.openapi_schema = document
    return app.openapi_schema


def _add_refusals(path: str, method: str, operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    responses.pop("422", None)
    refusals = dict(_EVERYWHERE)
    if "security" in operation:
        refusals |= _ALWAYS
    if "{" in path:
        refusals[404] = "Absent, or outside the caller's units."
    if "requestBody" in operation:
        refusals |= _WITH_BODY
    if "security" in operation and method != "get":
        refusals |= _CHANGES
    if any(parameter["name"].lower() == "if-match" for parameter in operation.get("parameters", ())):
        refusals |= _WITH_VERSION
    for status, description in refusals.items():
        responses.setdefault(str(status), {"description": description})
    for status, response in responses.items():
        if status >= "400":
            response.setdefault("content", {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}})
    operation["responses"] = dict(sorted(responses.items()))
