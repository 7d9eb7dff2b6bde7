"""DynamoDB's attribute values are those of boto3, which DynamoDB's own pages use."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from hypothesis import given
from hypothesis import strategies as st

from renewal.adapters.order_book.attribute_values import from_wire, to_wire

_NUMBERS = st.integers(-(10**37), 10**37) | st.decimals(-(10**20), 10**20, allow_nan=False, places=6)
_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | _NUMBERS | st.text() | st.binary(),
    lambda values: st.lists(values, max_size=4) | st.dictionaries(st.text(), values, max_size=4),
    max_leaves=20,
)


@given(_VALUES)
def test_a_value_is_written_as_boto3_writes_it(value: Any) -> None:
    """Other programs, the console and earlier versions read and wrote the same items."""
    assert to_wire(value) == TypeSerializer().serialize(value)


@given(_VALUES)
def test_what_was_written_is_read_back(value: Any) -> None:
    """And as boto3 reads it; its `Binary` is equal to the bytes."""
    written: Any = to_wire(value)

    assert from_wire(written) == value
    assert from_wire(written) == TypeDeserializer().deserialize(written)


@pytest.mark.parametrize("value", [1.5, {"a set"}, object()], ids=["float", "set", "object"])
def test_what_is_never_stored_is_refused(value: Any) -> None:
    """A float would lose digits, and no attribute of the tables is a set."""
    with pytest.raises(TypeError, match="is not stored"):
        to_wire({"member": [value]})


@pytest.mark.parametrize("value", [{"SS": ["a"]}, {"NS": ["1", "2"]}, {"BS": [b"1"]}])
def test_a_set_is_read_as_boto3_reads_it(value: Any) -> None:
    """An attribute that the console has made a set of makes its own item unreadable, not the answer that has it."""
    assert from_wire(value) == TypeDeserializer().deserialize(value)


@pytest.mark.parametrize("value", [{"NEW": 1}, {}, {"S": "a", "N": "1"}])
def test_an_attribute_value_of_another_kind_is_not_read(value: dict[str, Any]) -> None:
    """It was not written here; to read it as something else would be a guess."""
    with pytest.raises((TypeError, ValueError)):
        from_wire(value)


def test_a_number_is_a_decimal() -> None:
    """As with boto3: `renewal.records` makes an int or a float of it, as the field has it."""
    assert isinstance(from_wire({"N": "1"}), Decimal)
