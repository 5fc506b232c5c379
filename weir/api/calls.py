"""What the handlers share: the context, the caller, and how an answer is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from fastapi import Depends, Request, Response
from pydantic import BaseModel, TypeAdapter

from weir.api.wakeups import Wakeups
from weir.control.authorize import Action, Principal, authenticate, check
from weir.control.context import Context


def context(request: Request) -> Context:
    """The context that this app was made with."""
    found = request.app.state.context
    assert isinstance(found, Context)
    return found


def wakeups(request: Request) -> Wakeups:
    """The wakeups that this app was made with."""
    found = request.app.state.wakeups
    assert isinstance(found, Wakeups)
    return found


def caller(action: Action) -> Callable[[Request], Principal]:
    """A dependency: the caller, who may do `action`; 401 or 403 otherwise."""

    def who(request: Request) -> Principal:
        scheme, _, secret = request.headers.get("authorization", "").partition(" ")
        found = authenticate(context(request), secret.strip() if scheme.lower() == "bearer" else "")
        check(found, action)
        return found

    return who


def allowed(action: Action) -> Any:
    """`Depends` on a caller who may do `action`."""
    return Depends(caller(action))


def reply(answer: BaseModel, status: int = 200, *, small: bool = False) -> Response:
    """An answer as JSON, written once and not validated again; `small` without defaults."""
    body = answer.model_dump_json(exclude_defaults=small)
    return Response(body, status, media_type="application/json")


def reply_list(kind: type[Any], answers: Sequence[Any]) -> Response:
    """A list of answers as JSON."""
    body = TypeAdapter(list[kind]).dump_json(list(answers))  # type: ignore[valid-type]
    return Response(body, media_type="application/json")
