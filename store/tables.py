"""The tables. Each that stands for a fact or an effect has its natural key as a unique constraint."""

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Instant(TypeDecorator[datetime]):
    """An aware instant in UTC, on databases that keep zones and on those that do not. Naive ones are refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 SQLAlchemy's
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone; the store takes aware instants only")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 SQLAlchemy's
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _key(name: str, length: int = 200) -> Column[str]:
    """Ids from outside have up to 200 characters; ids that we derive from several of them up to 500."""
    return Column(name, String(length), primary_key=True)


facts = Table(
    "facts",
    metadata,
    # "payment:P-17": what kind of fact, and the teller's own id of it.
    _key("fact_id", 300),
    Column("kind", String(40), nullable=False),
    Column("fingerprint", String(64), nullable=False),  # of the content: same id with other content is a conflict
    Column("stored_at", Instant, nullable=False),
    Column("stored_by", String(200), nullable=False, default=""),
    Column("words", Text, nullable=False, default=""),  # what an operator reads; never the customer's words
    Column("answer", JSON(none_as_null=True), nullable=True),  # what the teller was answered, to answer the same again
)

tellings = Table(
    "tellings",
    metadata,
    # Which workflows are to be told of a fact; `told_at` empty: the reconciler sees to it.
    Column("fact_id", ForeignKey("facts.fact_id"), primary_key=True),
    Column("invoice_id", String(200), primary_key=True),
    Column("news", String(40), nullable=False),  # opened, payment_received, reply_received, terms_changed, look_again
    Column("stored_at", Instant, nullable=False),
    Column("told_at", Instant, nullable=True),
)
Index(
    "ix_tellings_untold",
    tellings.c.stored_at,
    sqlite_where=text("told_at IS NULL"),
    postgresql_where=text("told_at IS NULL"),
)

customers = Table(
    "customers",
    metadata,
    _key("customer_id"),
    Column("name", String(300), nullable=False),
    Column("country", String(2), nullable=False),
    Column("language", String(8), nullable=False),
    Column("time_zone", String(64), nullable=True),
    Column("contact_name", String(200), nullable=False, default=""),
    Column("contact_email", String(254), nullable=True),
    Column("contact_bounced_at", Instant, nullable=True),
    Column("owner", String(200), nullable=True),
    Column("relationship", String(20), nullable=False),
    Column("personal_only", Boolean, nullable=False, default=False),
    Column("excluded", Boolean, nullable=False, default=False),
    Column("ladder", String(40), nullable=True),
    Column("trouble_on", Date, nullable=True),
    Column("trouble", Text, nullable=False, default=""),
    Column("portal_token", String(64), nullable=False, unique=True),  # in the reply address: who is answering
    Column("updated_at", Instant, nullable=False),
)

invoices = Table(
    "invoices",
    metadata,
    _key("invoice_id"),
    Column("customer_id", ForeignKey("customers.customer_id"), nullable=False, index=True),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("issued_on", Date, nullable=False),
    Column("due_on", Date, nullable=False),
    Column("lines", JSON, nullable=False, default=list),
    Column("purchase_order", String(200), nullable=True),
    Column("discount", JSON(none_as_null=True), nullable=True),
    Column("ladder", String(40), nullable=True),
    Column("draft", Boolean, nullable=False, default=False),
    Column("withdrawn_at", Instant, nullable=True),
    Column("written_off_at", Instant, nullable=True),
    Column("cycle", Integer, nullable=False, default=1),
    Column("policy_version", String(64), nullable=False, default=""),
    Column("opened_at", Instant, nullable=False),
    Column("reopened_at", Instant, nullable=True),
    Column("changed_at", Instant, nullable=True),  # when its terms were changed last
    # What the ledger's entries make of it, kept in the transaction that books them.
    Column("open_minor", BigInteger, nullable=False),
    Column("settled_on", Date, nullable=True),
    # The read model of its run: what the workflow decided last.
    Column("stage", String(20), nullable=False),
    Column("segment", String(40), nullable=False, default=""),
    Column("next_step", JSON(none_as_null=True), nullable=True),
    Column("next_look_at", Instant, nullable=True),
    Column("decided_at", Instant, nullable=True),
)
Index("ix_invoices_stage_due", invoices.c.stage, invoices.c.due_on)

documents = Table(
    "documents",
    metadata,
    # A payment, credit note, refund … as its teller reported it: its own id and kind, once.
    Column("document_id", String(200), primary_key=True),
    Column("kind", String(24), primary_key=True),
    Column("fingerprint", String(64), nullable=False),  # same id and kind with other content is a conflict
    Column(
        "customer_id", String(200), nullable=True
    ),  # whose money it is, where that is known: what is unapplied of it
    Column("of_document_id", String(200), nullable=True),  # what a refund, chargeback or cancellation undoes
    Column("of_kind", String(24), nullable=True),
    Column("recorded_at", Instant, nullable=False),
    Index("ix_documents_of_document_id", "of_document_id"),
)

entries = Table(
    "entries",
    metadata,
    Column("entry_id", Integer, primary_key=True, autoincrement=True),
    Column("document_id", String(200), nullable=False),
    Column("kind", String(24), nullable=False),
    Column("customer_id", String(200), nullable=True),  # may be one that we do not know (yet)
    Column("invoice_id", ForeignKey("invoices.invoice_id"), nullable=True, index=True),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("booked_on", Date, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    # What the teller named, where we know no such invoice or customer.
    Column("named", Text, nullable=False, default=""),
    Column("allocation", String(200), nullable=False),  # the invoice it is on, or "" for what is unapplied
    Column("placement", String(200), nullable=False, default=""),  # the later placing that made it, "" for the booking
    # Where a refund names an invoice: which of the invoice's documents this part gives back.
    Column("of_document_id", String(200), nullable=False, default=""),
    Column("of_kind", String(24), nullable=False, default=""),
    UniqueConstraint("document_id", "kind", "allocation", "placement", "of_document_id", "of_kind", name="uq_entries"),
    ForeignKeyConstraint(["document_id", "kind"], ["documents.document_id", "documents.kind"]),
    Index("ix_entries_of_document_id", "of_document_id"),
    Index(
        "ix_entries_unapplied",
        "customer_id",
        sqlite_where=text("invoice_id IS NULL"),
        postgresql_where=text("invoice_id IS NULL"),
    ),
)

feeds = Table(
    "feeds",
    metadata,
    _key("feed_id"),
    Column("complete_until_at", Instant, nullable=False),
    Column("told_at", Instant, nullable=False),
    Column("alerted_at", Instant, nullable=True),  # one alert a staleness, cleared when the feed is fresh again
)

messages = Table(
    "messages",
    metadata,
    _key("key", 500),
    Column("customer_id", ForeignKey("customers.customer_id"), nullable=False, index=True),
    Column("kind", String(20), nullable=False),
    Column("step", String(60), nullable=False),
    Column("template", String(40), nullable=False),
    Column("tone", String(20), nullable=False),
    Column("channel", String(20), nullable=False),
    Column("recipient", String(254), nullable=False),
    Column("window_on", Date, nullable=False),
    Column("state", String(20), nullable=False, index=True),
    Column("reserved_at", Instant, nullable=False),
    Column("lease_until", Instant, nullable=False),
    Column("sent_at", Instant, nullable=True),
    Column("attempts", Integer, nullable=False, default=1),
    Column("provider_reference", String(400), nullable=True),
    Column("outcome", Text, nullable=False, default=""),
    Column("rule", Text, nullable=False, default=""),
    Column("segment", String(40), nullable=False, default=""),
    Column("letter", JSON, nullable=False),  # as rendered when reserved: what may have left, word for word
    Column("settled_by", String(200), nullable=True),
)
Index("ix_messages_customer_reserved", messages.c.customer_id, messages.c.reserved_at)

message_items = Table(
    "message_items",
    metadata,
    Column("item_id", Integer, primary_key=True, autoincrement=True),
    Column("key", ForeignKey("messages.key"), nullable=False, index=True),
    Column("invoice_id", ForeignKey("invoices.invoice_id"), nullable=False, index=True),
    Column("step", String(60), nullable=False),
    Column("level", Integer, nullable=True),
    Column("cycle", Integer, nullable=False),
    Column("open_minor", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    # 1 while the item's message holds the step; null once the message failed or was dropped, which frees the step.
    Column("holds_step", Integer, nullable=True, default=1),
    UniqueConstraint("invoice_id", "step", "cycle", "holds_step"),
)

people_contacts = Table(
    "people_contacts",
    metadata,
    _key("contact_id", 500),
    Column("customer_id", ForeignKey("customers.customer_id"), nullable=False, index=True),
    Column("at", Instant, nullable=False),
    Column("agent_id", String(200), nullable=False),
    Column("words", Text, nullable=False, default=""),
)

holds = Table(
    "holds",
    metadata,
    _key("hold_id", 500),
    Column("customer_id", ForeignKey("customers.customer_id"), nullable=False, index=True),
    Column("invoice_id", String(200), nullable=True),
    Column("reason", String(24), nullable=False),
    Column("words", Text, nullable=False),
    Column("owner", String(200), nullable=False),
    Column("from_at", Instant, nullable=False),
    Column("until_at", Instant, nullable=False),
    Column("released_at", Instant, nullable=True),
    Column("released_because", Text, nullable=False, default=""),
)

promises = Table(
    "promises",
    metadata,
    _key("promise_id", 500),
    Column("invoice_id", ForeignKey("invoices.invoice_id"), nullable=False, index=True),
    Column("customer_id", String(200), nullable=False, index=True),
    Column("amount_minor", BigInteger, nullable=False),
    Column("balance_then_minor", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("promised_on", Date, nullable=False),
    Column("said_at", Instant, nullable=False),
    Column("state", String(12), nullable=False),
)

disputes = Table(
    "disputes",
    metadata,
    _key("dispute_id", 500),
    Column("invoice_id", ForeignKey("invoices.invoice_id"), nullable=False, index=True),
    Column("customer_id", String(200), nullable=False, index=True),
    Column("disputed_minor", BigInteger, nullable=True),
    Column("currency", String(3), nullable=False),
    Column("words", Text, nullable=False, default=""),
    Column("opened_at", Instant, nullable=False),
    Column("state", String(12), nullable=False),
    Column("closed_at", Instant, nullable=True),
)

replies = Table(
    "replies",
    metadata,
    _key("reply_id"),
    Column("customer_id", ForeignKey("customers.customer_id"), nullable=False, index=True),
    Column("invoice_ids", JSON, nullable=False, default=list),
    Column("received_at", Instant, nullable=False),
    Column("subject", Text, nullable=False, default=""),
    Column("body", Text, nullable=False, default=""),
    Column("reading", JSON, nullable=False),
    Column("taken_in_at", Instant, nullable=True),  # when its consequences were drawn, once
)

cases = Table(
    "cases",
    metadata,
    _key("case_id", 500),
    Column("customer_id", ForeignKey("customers.customer_id"), nullable=False, index=True),
    Column("trigger", String(24), nullable=False),
    Column("matter", String(500), nullable=False),
    Column("open_matter", String(500), nullable=True, unique=True),  # the matter while open: one case a matter
    Column("words", Text, nullable=False),
    Column("urgency", String(12), nullable=False),
    Column("state", String(12), nullable=False, index=True),
    Column("wanted_at", Instant, nullable=False),
    Column("deadline_at", Instant, nullable=False),
    Column("assigned_to", String(200), nullable=True, index=True),
    Column("assignment_step", String(12), nullable=False),
    Column("assigned_because", Text, nullable=False, default=""),
    Column("reminded_at", Instant, nullable=True),
    Column("reply_id", String(200), nullable=True),
    Column("workflow_id", String(200), nullable=True),  # the escalation's run, where it is being worked
    Column("decided_at", Instant, nullable=True),
    Column("decided_by", String(200), nullable=True),
    Column("decision", JSON(none_as_null=True), nullable=True),
    Column("decision_id", String(200), nullable=True),
    Column("outcome", Text, nullable=False, default=""),
)

case_invoices = Table(
    "case_invoices",
    metadata,
    Column("case_id", ForeignKey("cases.case_id"), primary_key=True),
    Column("invoice_id", ForeignKey("invoices.invoice_id"), primary_key=True, index=True),
)

decisions = Table(
    "decisions",
    metadata,
    # Every decision that was carried out, also those that leave their case open.
    _key("decision_id"),
    Column("case_id", ForeignKey("cases.case_id"), nullable=False, index=True),
    Column("decision", JSON, nullable=False),
    Column("decided_by", String(200), nullable=False),
    Column("decided_at", Instant, nullable=False),
    Column("words", Text, nullable=False),
    Column("ends_case", Boolean, nullable=False),
)

agents = Table(
    "agents",
    metadata,
    _key("agent_id"),
    Column("name", String(200), nullable=False),
    Column("email", String(254), nullable=False),
    Column("phone", String(60), nullable=False, default=""),
    Column("role", String(12), nullable=False),
    Column("languages", JSON, nullable=False),
    Column("skills", JSON, nullable=False),
    Column("country", String(2), nullable=False),
    Column("time_zone", String(64), nullable=False),
    Column("backup", String(200), nullable=True),
    Column("manager", String(200), nullable=True),
    Column("absences", JSON, nullable=False, default=list),
)

timeline = Table(
    "timeline",
    metadata,
    Column("line_id", Integer, primary_key=True, autoincrement=True),
    Column("natural_key", String(600), nullable=False, unique=True),
    Column("customer_id", String(200), nullable=False, index=True),
    Column("invoice_id", String(200), nullable=True, index=True),
    Column("at", Instant, nullable=False),
    Column("kind", String(24), nullable=False),  # fact, step, held_back, message, case, decision, hold, alert
    Column("words", Text, nullable=False),
    Column("rule", String(80), nullable=False, default=""),
    Column("facts", JSON, nullable=False, default=dict),
)

policies = Table(
    "policies",
    metadata,
    _key("version"),
    Column("name", String(200), nullable=False),
    Column("text", Text, nullable=False),
    Column("activated_at", Instant, nullable=False),
    Column("is_current", Boolean, nullable=False, default=False),
)

Index(
    "uq_policies_is_current",
    policies.c.is_current,
    unique=True,
    sqlite_where=text("is_current"),
    postgresql_where=text("is_current"),
)

keys = Table(
    "keys",
    metadata,
    _key("key_id"),
    Column("secret_hash", String(64), nullable=False, unique=True),  # SHA-256 of a 256-bit random secret
    Column("role", String(12), nullable=False),
    Column("name", String(200), nullable=False),
    Column("agent_id", String(200), nullable=True),
    Column("made_at", Instant, nullable=False),
    Column("revoked_at", Instant, nullable=True),
)
