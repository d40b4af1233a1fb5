"""The query as one model, read as it was given: the framework would take each field apart anew for every request."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

Model = TypeVar("Model", bound=BaseModel)


class QueryOf(Generic[Model]):
    """A dependency that gives the query as a value of `model`, whose fields are the parameters.

    A route that depends on it says `openapi_extra=` what `described` gives.
    """

    def __init__(self, model: type[Model]) -> None:
        self.model = model

    async def __call__(self, request: Request) -> Model:
        """The query of this request.

        Raises: RequestValidationError, naming the parameters.
        """
        try:
            return self.model.model_validate(dict(request.query_params))
        except ValidationError as error:
            found = error.errors(include_url=False)
            raise RequestValidationError([{**each, "loc": ("query", *each["loc"])} for each in found]) from error

    def described(self) -> dict[str, Any]:
        """The parameters as a part of the operation in the OpenAPI document."""
        schema = self.model.model_json_schema()
        named = schema.get("$defs", {})
        return {"parameters": [_parameter(name, each, named) for name, each in schema["properties"].items()]}


def _parameter(name: str, schema: dict[str, Any], named: dict[str, Any]) -> dict[str, Any]:
    meant = schema.get("$ref", "").rpartition("/")[2]
    whole = {**named.get(meant, {}), **{key: value for key, value in schema.items() if key != "$ref"}}
    whole = {key: value for key, value in whole.items() if key != "default" or value is not None}
    return {"name": name, "in": "query", "required": False, "schema": whole, "description": whole["description"]}
