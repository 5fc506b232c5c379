"""Begin: the first start of a domain server gives it a name and its operator a token."""

from __future__ import annotations

from weir.control.context import Context
from weir.control.join import make_person_token
from weir.core import identifiers as law
from weir.core.errors import Conflict
from weir.store import domains
from weir.store.rows import DomainRow
from weir.wire.joining import TokenRequest


def begin(ctx: Context, name: str, kind: str, code: str) -> str | None:
    """Make this domain if it is new; gives the operator's token then, and None at a later start.

    Raises `Conflict` if the data directory belongs to another domain.
    """
    with ctx.store.write() as tx:
        row = domains.this_domain(tx)
        if row is not None:
            if (row.name, row.kind) != (name, kind):
                raise Conflict(
                    f"this data belongs to the {row.kind} domain {row.name}, not to the {kind} "
                    f"domain {name}; start it as that one, or give another directory"
                )
            return None
        identifier = law.root(code) if kind == law.Kind.NATIONAL else None
        data_id = ctx.new_id("d")
        domains.make_domain(tx, DomainRow(identifier, name, kind, None, ctx.now(), data_id))
    return make_person_token(ctx, TokenRequest(subject="operator", roles=("operator",))).token
