"""Which step of its ladder comes next for an invoice, and when it is due.

Hours, working days, public holidays and the gaps between levels are applied; the contact budget is not.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from policy.contact_windows import add_days, days_later, next_open, opening_of
from policy.saying import say_day, say_days
from policy.time_zones import local_date
from receivables.account import Account, Standing, StepTaken
from receivables.collection_policy import CollectionPolicy, Count, Ladder, LevelRule, NoticeRule
from receivables.customer import Customer
from receivables.frozen import Frozen
from receivables.messages import MessageKind
from receivables.promises import PromiseState


class Rung(Frozen):
    """`step` is its natural name in the chase: "level-2", or a notice's own name. `at` may lie in the past: due now."""

    kind: MessageKind
    step: str
    level: int | None
    rule: LevelRule | NoticeRule
    at: datetime
    words: str


class LadderEnded(Frozen):
    """All levels are used up; from `at` on, `then` is what happens."""

    at: datetime
    then: Literal["person", "agency_proposal", "write_off_proposal"]
    words: str


def level_step(number: int) -> str:
    return f"level-{number}"


def levels_used(standing: Standing) -> tuple[StepTaken, ...]:
    """The levels of this cycle that the customer has, or may have, received, lowest first."""
    used = [taken for taken in standing.steps_of_this_cycle() if taken.counts and taken.item.level is not None]
    return tuple(sorted(used, key=lambda taken: taken.item.level or 0))


def next_rung(
    *, standing: Standing, ladder: Ladder, account: Account, policy: CollectionPolicy, as_of: datetime
) -> Rung | LadderEnded:
    """The next notice or level of this invoice, whichever is due first. Failed, deferred and dropped ones are free."""
    climb = _Climb(standing=standing, ladder=ladder, customer=account.customer, policy=policy, as_of=as_of)
    level = climb.next_level()
    notice = climb.next_notice()
    return notice if notice is not None and notice.at <= level.at else level


@dataclass(frozen=True)
class _Climb:
    """One invoice on its ladder."""

    standing: Standing
    ladder: Ladder
    customer: Customer
    policy: CollectionPolicy
    as_of: datetime

    def next_level(self) -> Rung | LadderEnded:
        used = levels_used(self.standing)
        last = used[-1] if used else None
        reached = (last.item.level or 0) if last is not None else 0
        if last is not None and reached >= len(self.ladder.levels):
            return self._end(last)
        rule = self.ladder.levels[reached]
        day, words = self._day_of(rule, last)
        if last is not None:
            day = max(self._sooner_after_a_broken_promise(day, last), self._answer_time_over(last))
        day = max(day, days_later(self.standing.invoice.due_on, 1 + self.policy.overdue_margin_days))
        return Rung(
            kind=rule.kind,
            step=level_step(reached + 1),
            level=reached + 1,
            rule=rule,
            at=self._opening(day),
            words=f"level {reached + 1} of {len(self.ladder.levels)} ({rule.name}), {words}",
        )

    def next_notice(self) -> Rung | None:
        taken = {step.item.step for step in self.standing.steps_of_this_cycle() if step.counts}
        rungs = [self._notice(rule) for rule in self.ladder.notices if rule.name not in taken]
        return min((rung for rung in rungs if rung is not None), key=lambda rung: rung.at, default=None)

    def _notice(self, rule: NoticeRule) -> Rung | None:
        """None where it comes too late: past its own days, past the due day, or in a later cycle than the first."""
        invoice = self.standing.invoice
        if rule.counted_from == "issued_on" and invoice.cycle > 1:
            return None
        day = self._add(
            invoice.issued_on if rule.counted_from == "issued_on" else invoice.due_on, rule.days, rule.count
        )
        at = self._opening(day)
        sent_on = self._local_day(
            at if at > self.as_of else next_open(at=self.as_of, customer=self.customer, policy=self.policy)
        )
        if (sent_on - day).days > rule.not_older_than_days or sent_on > invoice.due_on or day < invoice.issued_on:
            return None
        words = f"notice {rule.name}, for {say_day(day)}"
        return Rung(kind=rule.kind, step=rule.name, level=None, rule=rule, at=at, words=words)

    def _end(self, last: StepTaken) -> LadderEnded:
        end, last_on = self.ladder.end, self._local_day(last.at)
        day = self._sooner_after_a_broken_promise(self._add(last_on, end.after_days, end.count), last)
        return LadderEnded(
            at=opening_of(day=day, customer=self.customer, policy=self.policy),
            then=end.then,
            words=f"all {len(self.ladder.levels)} levels are used up, the last on {say_day(last_on)}",
        )

    def _day_of(self, rule: LevelRule, last: StepTaken | None) -> tuple[date, str]:
        """The day by the rule alone, and how it is counted, in words."""
        is_working = rule.count is Count.WORKING
        if rule.counted_from == "previous" and last is not None:
            words = f"{say_days(rule.days, working=is_working)} after the level before"
            return self._add(self._local_day(last.at), rule.days, rule.count), words
        invoice = self.standing.invoice
        entered_on = self._local_day(invoice.opened_at)
        late_then = invoice.days_past_due(as_of=entered_on)
        if late_then > 0 and late_then >= self.policy.old_debt.from_days:
            # The whole ladder moves to the day it entered, so that its levels keep their distances.
            days = max(0, rule.days - self.ladder.levels[0].days)
            words = f"{say_days(days, working=is_working)} after it entered as old debt"
            return self._add(entered_on, days, rule.count), words
        words = f"{say_days(rule.days, working=is_working)} after the due day"
        return self._add(invoice.due_on, rule.days, rule.count), words

    def _answer_time_over(self, last: StepTaken) -> date:
        """The first day on which somebody who got the level before has had the working days to answer it."""
        last_on = self._local_day(last.at)
        answered_by = self._add(last_on, self.ladder.least_working_days_between_levels, Count.WORKING)
        return max(answered_by, days_later(last_on, 1))

    def _sooner_after_a_broken_promise(self, day: date, last: StepTaken) -> date:
        """Where the policy says one level up, a promise broken since the last level makes what is next due at once."""
        if self.policy.replies.broken_promise != "one_level_up":
            return day
        for promise in self.standing.promises:
            over_on = days_later(promise.promised_on, self.policy.replies.promise_grace_days + 1)
            is_broken = promise.state is PromiseState.BROKEN or (
                promise.state is PromiseState.OPEN
                and self._local_day(self.as_of) >= over_on
                and not promise.is_kept(open_balance=self.standing.open_balance)
            )
            if is_broken and promise.said_at >= last.at:
                day = min(day, over_on)
        return day

    def _opening(self, day: date) -> datetime:
        """When contact hours open on or after the day, but not before the invoice was known to us."""
        known_at = self.standing.invoice.opened_at
        opens_at = opening_of(day=day, customer=self.customer, policy=self.policy)
        return opens_at if opens_at >= known_at else next_open(at=known_at, customer=self.customer, policy=self.policy)

    def _local_day(self, at: datetime) -> date:
        return local_date(customer=self.customer, policy=self.policy, as_of=at)

    def _add(self, to: date, days: int, count: Count) -> date:
        return add_days(to=to, days=days, count=count, customer=self.customer, policy=self.policy)
