"""The names that the engine knows us by: workflow ids, the task queue, search attributes."""

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.common import SearchAttributeKey

TASK_QUEUE = "baton"


def invoice_workflow_id(invoice_id: str) -> str:
    return f"invoice-{invoice_id}"


def escalation_workflow_id(invoice_id: str, number: int) -> str:
    return f"escalation-{invoice_id}-{number}"


RECONCILE_ID = "reconcile"

CUSTOMER_ID = SearchAttributeKey.for_keyword("CustomerId")
SEGMENT = SearchAttributeKey.for_keyword("Segment")
STAGE = SearchAttributeKey.for_keyword("Stage")
ASSIGNED_AGENT = SearchAttributeKey.for_keyword("AssignedAgent")
OPEN_BALANCE = SearchAttributeKey.for_float("OpenBalance")
"""In major units, for searching only; money is never computed from it."""
DUE_ON = SearchAttributeKey.for_datetime("DueOn")
NEXT_LOOK_AT = SearchAttributeKey.for_datetime("NextLookAt")

SEARCH_ATTRIBUTES = (CUSTOMER_ID, SEGMENT, STAGE, ASSIGNED_AGENT, OPEN_BALANCE, DUE_ON, NEXT_LOOK_AT)


def search_attribute_types() -> dict[str, IndexedValueType.ValueType]:
    """Name and type of each search attribute, as `runtime.temporal.ensure_search_attributes` takes them."""
    return {
        key.name: IndexedValueType.Value(f"INDEXED_VALUE_TYPE_{key.indexed_value_type.name}")
        for key in SEARCH_ATTRIBUTES
    }
