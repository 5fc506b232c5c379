"""What went wrong, from the other side: problem details (RFC 9457) back to the errors they were.

Laws:
- A `code` that this version knows becomes its own class; one that it does not know becomes a
  `WeirError` that carries the status and the code as they came.
- What is no problem document did not come from Weir: a gateway's 502, 503 or 504 is `Unreachable`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import httpx

from weir.core.errors import Mistake, WeirError

PROBLEM = "application/problem+json"
_GATEWAY = frozenset({502, 503, 504})


class Unreachable(WeirError):
    """The server gave no answer: nothing is known of what became of the request."""

    status, code, title = 503, "weir.unreachable", "The server can't be reached"


class NotUnderstood(WeirError):
    """The server answered something that is not what this call answers."""

    status, code, title = 502, "weir.answer.invalid", "The answer is not understood"


def error_of(response: httpx.Response, url: str) -> WeirError:
    """The error that a response of status 300 or more stands for; `url` is the server's."""
    if response.headers.get("content-type", "").split(";")[0].strip().lower() != PROBLEM:
        return _foreign(response, url)
    try:
        problem = response.json()
    except ValueError:
        problem = None
    if not isinstance(problem, dict):
        return _foreign(response, url)
    code = str(problem.get("code") or WeirError.code)
    detail = str(problem.get("detail") or problem.get("title") or f"{url} gave no reason")
    mistakes = tuple(_mistakes(problem.get("errors")))
    known = classes().get(code)
    if known is not None:
        return known(detail, mistakes)
    error = WeirError(detail, mistakes)
    error.code, error.status = code, response.status_code
    error.title = str(problem.get("title") or error.title)
    return error


def classes() -> Mapping[str, type[WeirError]]:
    """The error class of every code that is loaded in this process."""
    every: list[type[WeirError]] = [WeirError, *_below(WeirError)]
    return {c.code: c for c in every if "code" in vars(c)}


def _below(parent: type[WeirError]) -> Iterator[type[WeirError]]:
    for child in parent.__subclasses__():
        yield child
        yield from _below(child)


def _mistakes(errors: Any) -> Iterator[Mistake]:
    for entry in errors if isinstance(errors, list) else ():
        if isinstance(entry, dict):
            line = entry.get("line")
            yield Mistake(
                str(entry.get("field") or "(request)"),
                str(entry.get("message") or "is wrong"),
                line if isinstance(line, int) else None,
            )


def _foreign(response: httpx.Response, url: str) -> WeirError:
    """An answer that Weir did not write: a proxy, or another server altogether."""
    said = f"{response.status_code} {response.reason_phrase}".strip()
    if response.status_code in _GATEWAY:
        return Unreachable(
            f"{url} can't be reached: a gateway on the way answered {said}. "
            "Check that the server behind it runs."
        )
    if 300 <= response.status_code < 400:
        where = response.headers.get("location", "elsewhere")
        error = WeirError(f"{url} sends on to {where}; give that address if you trust it")
    else:
        error = WeirError(f"{url} answered {said}, not as a Weir server would; check the address")
    error.status, error.code = response.status_code, "weir.http"
    return error
