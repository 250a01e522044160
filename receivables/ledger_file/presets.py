"""Named mappings: ledgers whose columns, and whose quirks, are known."""

from __future__ import annotations

from receivables.frozen import Frozen
from receivables.ledger_file.amounts import DecimalMark
from receivables.ledger_file.columns import Field
from receivables.ledger_file.dates import DateOrder


class Preset(Frozen):
    """Which column is what, and what a ledger of this kind needs beyond that. Whatever it changes, a note says."""

    name: str
    about: str
    columns: dict[Field, str]
    currency: str | None = None
    """For all rows: the ledger names none."""
    country: str = "US"
    """For rows that name none, or one by a number."""
    date_order: DateOrder | None = None
    decimal: DecimalMark | None = None
    rounds_amounts: bool = False
    """Its amounts carry float noise, or decimals that a conversion left."""
    invoice_id_digits: int | None = None
    """Numbers of invoices have so many digits; a spreadsheet took leading zeros off."""
    ids_are_floats: bool = False
    """2960623488.0 stands for 2960623488."""
    customer_id_without_zeros: bool = False
    """0200769623 and 200769623 are one customer."""
    invoice_id_made_of: str | None = None
    """Where a row has no invoice number, this and its row number make one."""
    customer_id_is_name: bool = False
    """The customer column holds a name: an id is made of it."""
    notes: tuple[str, ...] = ()


PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset(
            name="receivables-2012",
            about="100 customers in 5 unnamed countries, terms of 30 days, every invoice settled; dates m/d/yyyy",
            columns={
                Field.INVOICE_ID: "invoiceNumber",
                Field.CUSTOMER_ID: "customerID",
                Field.AMOUNT: "InvoiceAmount",
                Field.ISSUED_ON: "InvoiceDate",
                Field.DUE_ON: "DueDate",
                Field.COUNTRY: "countryCode",
                Field.SETTLED_ON: "SettledDate",
                Field.DISPUTED: "Disputed",
            },
            currency="USD",
            date_order=DateOrder.MDY,
            decimal=".",
            invoice_id_digits=10,
            notes=(
                "It names no currency, no day of a dispute, and no contact: USD is assumed; there are no addresses.",
            ),
        ),
        Preset(
            name="open-items-2020",
            about="open items of a B2B seller, amounts converted to USD",
            columns={
                Field.INVOICE_ID: "doc_id",
                Field.CUSTOMER_ID: "cust_number",
                Field.CUSTOMER_NAME: "name_customer",
                Field.AMOUNT: "converted_usd",
                Field.ISSUED_ON: "posting_date",
                Field.DUE_ON: "due_in_date",
                Field.SETTLED_ON: "clear_date",
            },
            currency="USD",
            decimal=".",
            rounds_amounts=True,
            ids_are_floats=True,
            customer_id_without_zeros=True,
        ),
        Preset(
            name="closed-items-2019-2020",
            about="closed items of the same seller; the invoice date is an estimate",
            columns={
                Field.INVOICE_ID: "invoice_id",
                Field.CUSTOMER_ID: "cust_number",
                Field.CUSTOMER_NAME: "name_customer",
                Field.AMOUNT: "total_open_amount",
                Field.ISSUED_ON: "posting_date_est",
                Field.DUE_ON: "due_in_date",
                Field.SETTLED_ON: "clear_date",
            },
            currency="USD",
            decimal=".",
            rounds_amounts=True,
            ids_are_floats=True,
            customer_id_without_zeros=True,
            invoice_id_made_of="closed",
            notes=(
                "The invoice date (posting_date_est) is an estimate, and no currency is named: USD is assumed, also for"
                " business code CA02, which may be Canadian dollars.",
            ),
        ),
        Preset(
            name="mixed-terms-2011-2017",
            about="mixed terms, late payers, part settlements; no numbers of invoices or customers",
            columns={
                Field.CUSTOMER_ID: "Vendor_Name",
                Field.CUSTOMER_NAME: "Vendor_Name",
                Field.AMOUNT: "Amount",
                Field.ISSUED_ON: "Invoice_Date",
                Field.DUE_ON: "Due_Date",
                Field.PAID: "Settled",
                Field.OPEN_AMOUNT: "Outstanding",
                Field.SETTLED_AFTER_DAYS: "Number_of_Days_until_Payment",
                Field.DESCRIPTION: "Description",
            },
            currency="USD",
            decimal=".",
            invoice_id_made_of="mixed",
            customer_id_is_name=True,
            notes=("It names no currency and no country: USD and US are assumed.",),
        ),
    )
}


def preset_for(header: tuple[str, ...]) -> Preset | None:
    """The preset whose columns are all in this header, under their own names; the one with the most of them."""
    fitting = [preset for preset in PRESETS.values() if set(preset.columns.values()) <= set(header)]
    return max(fitting, key=lambda preset: len(preset.columns), default=None)
