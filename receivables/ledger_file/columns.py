"""The fields of a ledger row, and what columns are called that hold them."""

from __future__ import annotations

import difflib
import unicodedata
from enum import StrEnum


class Field(StrEnum):
    """What a column can be mapped to. The first five are required, in one way or another."""

    INVOICE_ID = "invoice_id"
    CUSTOMER_ID = "customer_id"
    AMOUNT = "amount"
    ISSUED_ON = "issued_on"
    DUE_ON = "due_on"
    CURRENCY = "currency"
    TERMS_DAYS = "terms_days"
    """Days from issue to due, where there is no due date."""
    CUSTOMER_NAME = "customer_name"
    COUNTRY = "country"
    LANGUAGE = "language"
    CONTACT_NAME = "contact_name"
    EMAIL = "email"
    TIME_ZONE = "time_zone"
    RELATIONSHIP = "relationship"
    PERSONAL_ONLY = "personal_only"
    OWNER = "owner"
    SETTLED_ON = "settled_on"
    SETTLED_AFTER_DAYS = "settled_after_days"
    """Days from issue to the payment, where there is no date of it."""
    PAID = "paid"
    PAID_ON = "paid_on"
    OPEN_AMOUNT = "open_amount"
    """What is still owed; the rest of the amount was paid."""
    DISPUTED = "disputed"
    DISPUTED_ON = "disputed_on"
    DESCRIPTION = "description"
    PURCHASE_ORDER = "purchase_order"
    LADDER = "ladder"
    DISCOUNT_PERCENT = "discount_percent"
    DISCOUNT_UNTIL_ON = "discount_until_on"
    LEDGER_ROW = "ledger_row"
    """The line that a row had in the file it was first read from; in files of bad rows."""


DATES = (Field.ISSUED_ON, Field.DUE_ON, Field.SETTLED_ON, Field.PAID_ON, Field.DISPUTED_ON, Field.DISCOUNT_UNTIL_ON)
AMOUNTS = (Field.AMOUNT, Field.PAID, Field.OPEN_AMOUNT)

WHAT: dict[Field, str] = {
    Field.INVOICE_ID: "the invoice's number, unique in the file",
    Field.CUSTOMER_ID: "the customer's number",
    Field.AMOUNT: "what was billed",
    Field.ISSUED_ON: "the invoice date",
    Field.DUE_ON: "the due date",
    Field.CURRENCY: "ISO 4217 code, such as EUR",
    Field.TERMS_DAYS: "days from invoice date to due date, in place of due_on",
    Field.CUSTOMER_NAME: "the customer's name",
    Field.COUNTRY: "ISO 3166-1 code, such as DE",
    Field.LANGUAGE: "ISO 639-1 code, such as de",
    Field.CONTACT_NAME: "the person to write to",
    Field.EMAIL: "their address",
    Field.TIME_ZONE: "IANA name, such as Europe/Berlin",
    Field.RELATIONSHIP: "normal, strategic or fragile",
    Field.PERSONAL_ONLY: "yes: no automated message, ever",
    Field.OWNER: "the agent's id",
    Field.SETTLED_ON: "the day it was paid in full",
    Field.SETTLED_AFTER_DAYS: "days from invoice date to payment, in place of settled_on",
    Field.PAID: "what was paid so far",
    Field.PAID_ON: "the day of that",
    Field.OPEN_AMOUNT: "what is still owed, in place of paid",
    Field.DISPUTED: "yes or no",
    Field.DISPUTED_ON: "the day it was disputed",
    Field.DESCRIPTION: "what was delivered",
    Field.PURCHASE_ORDER: "the customer's order number",
    Field.LADDER: "a ladder of the policy, for this invoice",
    Field.DISCOUNT_PERCENT: "percent off for early payment",
    Field.DISCOUNT_UNTIL_ON: "the last day for that",
    Field.LEDGER_ROW: "the row in the file that it was first read from",
}

# Per field, the likeliest name first. Compared without case, accents, spaces and punctuation. English, German, French,
# Dutch, Spanish, and what some accounting systems call it.
_NAMES: dict[Field, str] = {
    Field.INVOICE_ID: """
        invoiceid invoicenumber invoiceno invoicenum invoicenr invoiceref invoice documentnumber documentno
        documentid docid docno docnumber billnumber rechnungsnummer rechnungsnr rechnungnr rechnungsid rechnung
        belegnummer belegnr numerodefacture numerofacture nfacture nofacture numfacture facture factuurnummer
        factuurnr factuur numerodefactura numerofactura nfactura numfactura factura
    """,
    Field.CUSTOMER_ID: """
        customerid customernumber customerno customernum customernr customercode custid custnumber custno custnr
        clientid clientnumber accountnumber accountno accountid debtornumber debtorid kundennummer kundennr kundenid
        kundeid debitornummer debitorennummer debitornr debitor numeroclient numclient codeclient nclient noclient
        idclient klantnummer klantnr klantid debiteurnummer debiteurnr debiteur numerodecliente numerocliente
        codigocliente codcliente idcliente ncliente nocliente
    """,
    Field.AMOUNT: """
        amount invoiceamount grossamount amountgross totalamount invoicetotal total gross originalamount
        documentamount amountindocumentcurrency betrag rechnungsbetrag bruttobetrag gesamtbetrag brutto summe
        montant montantttc montanttotal totalttc bedrag factuurbedrag totaalbedrag totaal importe importetotal
        importefactura monto montototal
    """,
    Field.ISSUED_ON: """
        issuedon issuedate issued invoicedate dateofinvoice documentdate docdate postingdate billdate billingdate
        invoicedon rechnungsdatum rechnungdatum belegdatum ausstellungsdatum buchungsdatum datedefacture datefacture
        datefacturation dateemission datedemission factuurdatum boekdatum fechafactura fechadefactura fechaemision
        fechadeemision date datum fecha
    """,
    Field.DUE_ON: """
        dueon duedate due dateofpaymentdue netduedate dueindate paymentduedate maturitydate falligkeit faelligkeit
        falligkeitsdatum faelligkeitsdatum falligam faelligam zahlbarbis echeance datedecheance dateecheance
        vervaldatum vervaldag fechadevencimiento fechavencimiento vencimiento
    """,
    Field.CURRENCY: """
        currency currencycode invoicecurrency documentcurrency curr ccy wahrung waehrung wahrungscode devise monnaie
        codedevise valuta munt moneda divisa
    """,
    Field.TERMS_DAYS: """
        termsdays paymenttermsdays netdays paymentdays zahlungszieltage zahlungsziel delaidepaiementjours
        delaidepaiement betalingstermijn plazodepago diasdepago
    """,
    Field.CUSTOMER_NAME: """
        customername customer namecustomer custname clientname client accountname debtorname company companyname
        kundenname kunde firma firmenname nomclient nomduclient raisonsociale societe klantnaam klant bedrijfsnaam
        bedrijf nombrecliente nombredelcliente cliente razonsocial empresa
    """,
    Field.COUNTRY: """
        country countrycode land landcode laendercode landercode pays codepays landcodeiso pais codigopais
    """,
    Field.LANGUAGE: "language languagecode lang sprache sprachcode langue taal taalcode idioma",
    Field.CONTACT_NAME: """
        contactname contact contactperson attention ansprechpartner kontakt kontaktperson nomducontact interlocuteur
        contactpersoon personadecontacto contacto
    """,
    Field.EMAIL: """
        email emailaddress contactemail mail mailaddress emailadresse mailadresse courriel adressemail adresseemail
        emailadres mailadres correo correoelectronico
    """,
    Field.TIME_ZONE: "timezone tz zeitzone fuseauhoraire tijdzone zonahoraria",
    Field.RELATIONSHIP: "relationship beziehung relation relatie relacion",
    Field.PERSONAL_ONLY: "personalonly nurpersonlich nurpersoenlich",
    Field.OWNER: "owner accountowner collector agent agentid sachbearbeiter betreuer gestionnaire behandelaar gestor",
    Field.SETTLED_ON: """
        settledon settleddate settlementdate cleardate clearingdate cleareddate paidinfullon closedon dateclosed
        ausgleichsdatum ausgeglichenam datedelettrage datereglement datedereglement afgeletterdop voldaanop
        fechadecancelacion fechaliquidacion
    """,
    Field.SETTLED_AFTER_DAYS: "settledafterdays daystosettle daystopay daysuntilpayment numberofdaysuntilpayment",
    Field.PAID: """
        paid paidamount amountpaid settled settledamount receivedamount amountreceived bezahlt gezahlt zahlbetrag
        paye montantpaye betaald betaaldbedrag pagado importepagado
    """,
    Field.PAID_ON: """
        paidon paymentdate datepaid paiddate lastpaymentdate zahlungsdatum bezahltam zahldatum datepaiement
        datedepaiement betaaldatum betaaldop betaaldatumop fechapago fechadepago
    """,
    Field.OPEN_AMOUNT: """
        openamount amountopen openbalance balance balancedue amountdue outstanding outstandingamount remaining
        offenerbetrag offen restbetrag solde soldedu resteapayer openstaand openstaandbedrag saldo saldopendiente
        importependiente pendiente
    """,
    Field.DISPUTED: """
        disputed dispute indispute isdisputed strittig reklamiert reklamation litige conteste betwist disputado
    """,
    Field.DISPUTED_ON: "disputedon disputedate reklamiertam datelitige betwistop fechadisputa",
    Field.DESCRIPTION: """
        description text itemtext memo subject beschreibung buchungstext betreff libelle designation omschrijving
        descripcion concepto
    """,
    Field.PURCHASE_ORDER: """
        purchaseorder purchaseordernumber ponumber pono po ordernumber bestellnummer bestellnr bondecommande
        numerodecommande bestelnummer inkooporder pedido numerodepedido
    """,
    Field.LADDER: "ladder dunningladder mahnverfahren",
    Field.DISCOUNT_PERCENT: "discountpercent cashdiscountpercent skontoprozent skonto escompte korting descuento",
    Field.DISCOUNT_UNTIL_ON: "discountuntilon discountuntil discountdate skontobis skontodatum",
    Field.LEDGER_ROW: "ledgerrow",
}


def plain_name(column: str) -> str:
    """A column's name as it is compared: "Fällig am" → falligam, "Invoice_Date" → invoicedate."""
    apart = unicodedata.normalize("NFKD", column.casefold())
    return "".join(sign for sign in apart if sign.isalnum())


def _by_name() -> dict[str, tuple[Field, int]]:
    found: dict[str, tuple[Field, int]] = {}
    for field, names in _NAMES.items():
        for place, name in enumerate(names.split()):
            found.setdefault(name, (field, place))
        found[plain_name(field)] = (field, 0)
    return found


_BY_NAME = _by_name()


def field_named(column: str) -> tuple[Field, int] | None:
    """The field that a column of this name holds, with how likely (0 is the likeliest); None where nothing is known."""
    return _BY_NAME.get(plain_name(column))


def closest_columns(field: Field, header: tuple[str, ...]) -> list[str]:
    """Up to three columns whose names come near those of a field, nearest first."""
    names = _NAMES[field].split()
    scored = [
        (max(difflib.SequenceMatcher(None, plain_name(column)[:60], name).ratio() for name in names), column)
        for column in header[:200]
        if column
    ]
    return [column for score, column in sorted(scored, key=lambda pair: -pair[0]) if score >= 0.6][:3]


def closest(word: str, known: list[str] | tuple[str, ...]) -> str:
    """ "; did you mean …?" where something known comes near, else nothing."""
    near = difflib.get_close_matches(word[:100], [each[:100] for each in known[:200]], n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else ""
