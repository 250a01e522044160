"""Asking policy what to do now."""

from temporalio import activity

from activities.payloads import AskRequest, Turn
from activities.rulebook import RuleBook
from activities.turns import take_turn
from store.database import Database


class Judging:
    """Reads the account, asks policy, records the answer. Run as a local activity: fast, and often."""

    def __init__(self, database: Database, rulebook: RuleBook) -> None:
        self._database = database
        self._rulebook = rulebook

    @activity.defn
    async def ask_next_step(self, request: AskRequest) -> Turn:
        """What to do with this invoice at `as_of`, by the rules in force and all that is known then."""
        async with self._database.writing() as connection:
            return await take_turn(
                connection,
                invoice_id=request.invoice_id,
                customer_id=request.customer_id,
                rules=await self._rulebook.rules(connection),
                as_of=request.as_of,
            )
