"""Static files: kept by browsers for long, since their addresses change with their content."""

from __future__ import annotations

from os import PathLike, stat_result

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope


class Assets(StaticFiles):
    """The folder `static`."""

    def file_response(
        self,
        full_path: str | PathLike[str],
        stat_result: stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        """A file, with how long it may be kept."""
        answer = super().file_response(full_path, stat_result, scope, status_code)
        fixed = b"v=" in scope.get("query_string", b"")
        answer.headers["Cache-Control"] = (
            "public, max-age=31536000, immutable" if fixed else "no-cache"
        )
        return answer
