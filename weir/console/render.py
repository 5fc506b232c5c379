"""Render: templates become pages. Everything is escaped but what is marked as safe here."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import Response

from weir.console import figures
from weir.console.visit import Visit
from weir.console.words import LANGUAGES, words
from weir.control.context import Context

log = logging.getLogger(__name__)
HERE = Path(__file__).resolve().parent
STATIC = HERE / "static"
VENDOR = ("htmx.min.js", "idiomorph.min.js", "echarts.min.js", "inter.woff2")

NAVIGATION = (
    ("/", "Overview", "overview"),
    ("/resources", "Resources", "resources"),
    ("/find", "Find and submit", "find"),
    ("/jobs", "Jobs", "jobs"),
    ("/monitoring", "Monitoring", "monitoring"),
    ("/operations", "Operations", "operations"),
)


@cache
def environment() -> Environment:
    """The templates."""
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(f=figures, languages=LANGUAGES, navigation=NAVIGATION, zip=zip)
    made.globals["has_vendor"] = has_vendor
    made.filters["tojson_attr"] = lambda value: json.dumps(value, separators=(",", ":"))
    return made


@cache
def has_vendor(name: str) -> bool:
    """Whether a file of another project was fetched at the install."""
    return (STATIC / "vendor" / name).is_file()


def missing_vendor() -> list[str]:
    """The files of other projects that are not there: pages work without, only less well."""
    return [name for name in VENDOR if not has_vendor(name)]


@cache
def stamp_of(ctx_version: str) -> str:
    """What is added to addresses of static files, so that a new version is fetched anew."""
    newest = max(p.stat().st_mtime_ns for p in STATIC.rglob("*") if p.is_file())
    return f"{ctx_version}-{newest % 10**12:x}"


def text(visit: Visit, template: str, /, **values: Any) -> str:
    """A template filled in."""
    base = {
        "visit": visit,
        "t": visit.words,
        "ctx": visit.ctx,
        "domain": domain_of(visit.ctx),
        "now": visit.ctx.now(),
        "stamp": stamp_of(visit.ctx.version),
        "section": "",
        "commands": (),
        "live": False,
    }
    return environment().get_template(template).render(base | values)


def page(visit: Visit, template: str, status: int = 200, /, **values: Any) -> Response:
    """A page, or the part of it that htmx asks for."""
    body = text(visit, template, **values)
    return Response(body, status, media_type="text/html", headers={"Cache-Control": "no-store"})


def part(template: str, macro: str, language: str, /, *values: Any) -> Markup:
    """What a macro writes for everybody who reads this language."""
    module = environment().get_template(template).make_module({"t": words(language)})
    written: Markup = getattr(module, macro)(*values)
    return written


def domain_of(ctx: Context) -> Mapping[str, str | None]:
    """Who this server is, for the head of every page."""
    row = ctx.domain()
    return {"id": row.id, "name": row.name, "kind": row.kind, "parent": row.parent}
