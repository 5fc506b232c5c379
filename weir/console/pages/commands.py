"""The API, described: every call with its path and what it does, from its own description."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from weir.console import render
from weir.console.visit import Visit

METHODS = ("get", "post", "put", "delete")


def show(visit: Visit) -> Response:
    """The page."""
    described: dict[str, Any] = visit.request.app.state.describe()
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, methods in described["paths"].items():
        for method in METHODS:
            if method in methods:
                said = methods[method]
                entry = {"method": method.upper(), "path": path, **_words(said)}
                groups.setdefault((said.get("tags") or ["other"])[0], []).append(entry)
    return render.page(visit, "commands.html", groups=groups, base=str(visit.request.base_url))


def _words(said: dict[str, Any]) -> dict[str, Any]:
    about = str(said.get("description", "")).strip()
    names = [
        (p["name"], p.get("required", False), p["in"])
        for p in said.get("parameters", ())
        if p["in"] in ("query", "path")
    ]
    body = said.get("requestBody", {}).get("content", {}).get("application/json", {})
    model = str(body.get("schema", {}).get("$ref", "")).rsplit("/", 1)[-1]
    return {"about": about.split("\n\n")[0], "names": names, "model": model}
