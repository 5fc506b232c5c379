"""The form and the job's data: what is not touched stays."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from weir.console.form import FIELDS, fields_of, merged

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(0, 99) | st.text("abc 1,'\"\n", max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "tasks", "devices", "count", "command", "constraints", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["name", "tasks", "constraints", "priority"]), VALUES))
def test_a_form_that_was_not_touched_changes_nothing(data: dict[str, Any]) -> None:
    assert merged(data, fields_of(data)) == data


@given(VALUES, st.sampled_from(FIELDS), st.text("abc1", min_size=1, max_size=5))
def test_what_is_typed_stands_in_the_file_afterwards(data: Any, field: Any, typed: str) -> None:
    if field.kind == "real":
        typed = "on"
    fields = fields_of(data) | {field.name: typed}
    assert fields_of(merged(data, fields))[field.name].lstrip("0") == typed.lstrip("0")


def test_a_field_that_is_emptied_leaves_nothing_behind() -> None:
    data = {"name": "a", "tasks": [{"command": ["x"], "devices": {"count": 2}}]}
    assert merged(data, fields_of(data) | {"devices": ""}) == {
        "name": "a",
        "tasks": [{"command": ["x"]}],
    }
