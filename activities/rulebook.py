"""The rules in force, read from the store and parsed once a version."""

from sqlalchemy.ext.asyncio import AsyncConnection

from policy.reading_policy import read_policy
from policy.rules import Rules
from receivables.collection_policy import CollectionPolicy
from store import policies


class NoPolicy(Exception):
    """No policy was ever activated in this store. `baton policy activate FILE` does it."""


class RuleBook:
    """Parsed policies by version. A version's text never changes, so a parsed one is kept for good."""

    def __init__(self) -> None:
        self._parsed: dict[str, CollectionPolicy] = {}

    async def rules(self, connection: AsyncConnection) -> Rules:
        """The current policy and, where running invoices keep theirs, the earlier ones."""
        version = await policies.current_version(connection)
        if version is None:
            raise NoPolicy("no policy is active in this store; run: baton policy activate FILE")
        if version not in self._parsed:
            for each, text in (await policies.all_texts(connection)).items():
                self._parsed.setdefault(each, read_policy(text, origin=f"stored policy {each}"))
        return Rules(
            current=self._parsed[version],
            earlier={each: policy for each, policy in self._parsed.items() if each != version},
        )
