"""Mail addresses, checked before they meet a mail server."""

import re

_DOMAIN = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*", re.IGNORECASE)
_NOT_IN_LOCAL_PART = re.compile(r'[\x00-\x20\x7f-\x9f\u2028\u2029\ud800-\udfff()<>\[\]:;@\\,"\s]')


class UnusableAddress(ValueError):
    """Nothing can be sent to (or from) this mail address as it is written."""


def usable_address(address: str) -> str:
    """The address as a mail server takes it: its domain in ASCII (IDNA). Refuses `UnusableAddress`."""
    local, at, domain = address.strip(" ").rpartition("@")
    if not at or not local or len(local.encode("utf-8", "replace")) > 64 or _NOT_IN_LOCAL_PART.search(local):
        raise UnusableAddress(f"{address[:100]!r} is not a mail address; correct it at the customer's contact")
    if local.startswith(".") or local.endswith(".") or ".." in local:
        raise UnusableAddress(f"{address[:100]!r} is not a mail address: its dots are out of place")
    try:
        domain = domain if domain.isascii() else domain.encode("idna").decode("ascii")
    except UnicodeError as fault:
        raise UnusableAddress(f"{address[:100]!r} has a domain that cannot be written in ASCII") from fault
    if not _DOMAIN.fullmatch(domain):
        raise UnusableAddress(f"{address[:100]!r} has no usable domain")
    return f"{local}@{domain}"
