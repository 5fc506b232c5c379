"""Domains for stories: on SQLite, and under `-m real` the same stories on PostgreSQL."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from tests.builders import Domain, MakeDomain
from tests.databases import NewStore


@pytest.fixture
def make_domain(new_store: NewStore, tmp_path: Path) -> MakeDomain:
    numbers = itertools.count(1)

    def make(*arguments: Any, **fields: Any) -> Domain:
        return Domain(new_store(), tmp_path / f"files-{next(numbers)}", *arguments, **fields)

    return make


@pytest.fixture
def domain(make_domain: MakeDomain) -> Domain:
    return make_domain()
