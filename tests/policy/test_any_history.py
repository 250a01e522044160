"""Whatever happens in whatever order: nothing automated is written where a hold, a case or the customer says no."""

from datetime import date, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from policy.contact_windows import is_open
from policy.rules import Rules
from receivables.account import Account, Standing
from receivables.collection_policy import CollectionPolicy, Rollout
from receivables.escalations import CaseState
from receivables.holds import HoldReason
from receivables.messages import MessageState
from receivables.steps import Close, Contact, Escalate, Wait
from tests.builders import (
    a_case,
    a_customer,
    a_dispute,
    a_feed,
    a_hold,
    a_ladder,
    a_notice,
    a_policy,
    a_promise,
    a_standing,
    an_account,
    an_invoice,
    eur,
    some_contact_rules,
    some_rules,
    utc,
)
from tests.policy.chasing import Chasing

START = utc(2024, 3, 1, 7)
DAYS = 70

POLICIES = {
    version: a_policy(version=version, ladder=ladder, contact=some_contact_rules(most=2, in_days=7, days_between=1))
    for version, ladder in {
        "first": a_ladder(3, 8, 15, notices=(a_notice(days=-2),)),
        "quick": a_ladder(1, 2, 3, 4, 5),
        "slow": a_ladder(10, 20),
    }.items()
}


class LivedThrough(Chasing):
    """A chase that looks, by the plainest means, whether each message may be written at the moment it is written."""

    def _act(self, invoice_id: str, step: Contact | Wait | Escalate | Close) -> bool:
        before, count = self.account, len(self.sent)
        goes_on = super()._act(invoice_id, step)
        if len(self.sent) > count:
            self._nothing_says_no(before)
        return goes_on

    def _nothing_says_no(self, account: Account) -> None:
        message, now = self.sent[-1], self.now
        customer = account.customer
        assert not customer.personal_only
        assert not customer.excluded
        assert customer.contact.can_be_mailed
        assert is_open(at=now, customer=customer, policy=self.rules.current)
        if not message.kind.is_notice:
            assert account.feed is not None
            assert now - account.feed.complete_until_at <= timedelta(hours=72), "stale money"
            earlier_on = [self.day_of(each) for each in account.contacts_by_people]
            earlier_on += [
                each.window_on for each in account.messages if each.state.counts_as_contact and not each.kind.is_notice
            ]
            contact = self.rules.current.contact
            assert all((self.today - day).days > contact.days_between for day in earlier_on), "too soon"
            assert sum((self.today - day).days < contact.in_days for day in earlier_on) < contact.most, "too often"
        for item in message.items:
            standing = account.standing(item.invoice_id)
            held = list(account.active_holds(invoice_id=item.invoice_id, as_of=now))
            if message.kind.value == "receipt":
                held = [hold for hold in held if hold.reason not in (HoldReason.PROMISE, HoldReason.PAYMENT_CLAIMED)]
            else:
                assert standing.open_balance.minor > 0, "nothing is owed"
                assert standing.open_dispute is None, "in dispute"
                # (money ends the case of what it settles, so a receipt may follow)
                assert not account.open_cases(invoice_id=item.invoice_id), "a person has it"
            assert not held, "on hold"
            assert not standing.invoice.draft
            earlier = {taken.item.step for taken in standing.steps_of_this_cycle() if taken.counts}
            assert item.step not in earlier, "written twice"
            if item.level is not None:
                assert now.date() > standing.invoice.due_on, "not past due"
                assert item.level == 1 + max(
                    (taken.item.level or 0 for taken in standing.steps_of_this_cycle() if taken.counts), default=0
                ), "a level was skipped"


def change_standing(account: Account, number: int, **changes: Any) -> Account:
    standings = list(account.standings)
    standings[number % len(standings)] = standings[number % len(standings)].model_copy(update=changes)
    return account.model_copy(update={"standings": tuple(standings)})


def name_of(account: Account, number: int) -> str:
    return account.standings[number % len(account.standings)].invoice.invoice_id


def happens(account: Account, what: str, number: int, days: int, now: datetime) -> Account:
    """The account after one more thing has happened. `number` chooses the invoice, `days` how long it lasts."""
    until = now + timedelta(days=days)
    own = name_of(account, number)
    unique = f"{what}-{now:%m%d}-{len(account.holds) + len(account.cases)}"
    match what:
        case "hold":
            hold = a_hold(hold_id=unique, from_at=now, until_at=until, invoice_id=own if number % 2 else None)
            return account.model_copy(update={"holds": (*account.holds, hold)})
        case "release":
            released = tuple(hold.model_copy(update={"released_at": now}) for hold in account.holds)
            return account.model_copy(update={"holds": released})
        case "case":
            case = a_case(case_id=unique, matter=unique, invoice_ids=(own,), wanted_at=now, deadline_at=until)
            return account.model_copy(update={"cases": (*account.cases, case)})
        case "decided":
            over = tuple(
                case.model_copy(update={"state": CaseState.DECIDED, "decided_at": now}) if case.state.is_open else case
                for case in account.cases
            )
            return account.model_copy(update={"cases": over})
        case "dispute":
            return change_standing(account, number, disputes=(a_dispute(dispute_id=unique, invoice_id=own),))
        case "dispute over":
            return change_standing(account, number, disputes=())
        case "promise":
            promise = a_promise(promise_id=unique, invoice_id=own, promised_on=until.date(), said_at=now)
            return change_standing(account, number, promises=(promise,))
        case "pays":
            zero = eur("0.00")
            return change_standing(account, number, open_balance=zero, last_payment_on=now.date())
        case "pays half":
            return change_standing(account, number, open_balance=eur("50.00"), received=eur("50.00"))
        case "excluded" | "personal_only":
            customer = account.customer.model_copy(update={what: bool(days % 2)})
            return account.model_copy(update={"customer": customer})
        case "bounce":
            bounced_at = now if days % 2 else None
            contact = account.customer.contact.model_copy(update={"bounced_at": bounced_at})
            return account.model_copy(update={"customer": account.customer.model_copy(update={"contact": contact})})
        case "stale":
            return account.model_copy(update={"feed": a_feed(complete_until_at=now - timedelta(hours=48))})
        case "fresh":
            return account.model_copy(update={"feed": a_feed()})
        case "by hand":
            return account.model_copy(update={"contacts_by_people": (*account.contacts_by_people, now)})
        case "in doubt" | "failed" if account.messages:
            state = MessageState.IN_DOUBT if what == "in doubt" else MessageState.FAILED
            return with_last_message(account, state)
        case _:
            return account


def with_last_message(account: Account, state: MessageState) -> Account:
    last = account.messages[-1].model_copy(update={"state": state})

    def told(standing: Standing) -> Standing:
        steps = tuple(
            taken.model_copy(update={"message": last}) if taken.message.key == last.key else taken
            for taken in standing.steps_taken
        )
        return standing.model_copy(update={"steps_taken": steps})

    return account.model_copy(
        update={
            "messages": (*account.messages[:-1], last),
            "standings": tuple(told(standing) for standing in account.standings),
        }
    )


def rules_by(current: CollectionPolicy, rollout: Rollout) -> Rules:
    return some_rules(current.model_copy(update={"running_invoices": rollout}), earlier=tuple(POLICIES.values()))


THINGS = (
    "hold", "hold", "release", "case", "decided", "dispute", "dispute over", "promise", "pays", "pays half",
    "excluded", "personal_only", "bounce", "stale", "fresh", "by hand", "in doubt", "failed", "policy", "nothing",
)  # fmt: skip

events = st.lists(
    st.tuples(st.sampled_from(THINGS), st.integers(0, 5), st.integers(1, 20), st.integers(1, 24 * 5)), max_size=8
)


def lived(happenings: list[tuple[str, int, int, int]], due: list[int]) -> LivedThrough:
    standings = [
        a_standing(
            an_invoice(
                invoice_id=f"INV-{number}",
                due_on=date(2024, 3, 1) + timedelta(days=day),
                policy_version="first",
                opened_at=START,
            )
        )
        for number, day in enumerate(due)
    ]
    account = an_account(*standings, customer=a_customer())
    life = LivedThrough(account, rules_by(POLICIES["first"], Rollout.MOVE), START)
    for what, number, days, hours in happenings:
        life.run(until=life.now + timedelta(hours=hours))
        if what == "policy":
            chosen = list(POLICIES.values())[number % 3]
            life.rules = rules_by(chosen, Rollout.KEEP if days % 2 else Rollout.MOVE)
        life.account = happens(life.account, what, number, days, life.now)
    # in the end the money is fresh again, and the chase comes to rest
    life.account = life.account.model_copy(update={"feed": a_feed()})
    life.run(until=life.now + timedelta(days=DAYS))
    return life


@given(happenings=events, due=st.lists(st.integers(-20, 25), min_size=1, max_size=3))
@settings(max_examples=80, deadline=None)
def test_promise_5_in_any_history_no_message_is_written_while_anything_says_no(
    happenings: list[tuple[str, int, int, int]], due: list[int]
) -> None:
    lived(happenings, due)  # it looks at each message as it is written


@given(
    changes=st.lists(
        st.tuples(st.sampled_from(sorted(POLICIES)), st.sampled_from(Rollout), st.integers(1, 240)), max_size=6
    )
)
@settings(max_examples=80, deadline=None)
def test_promise_14_however_the_rules_change_every_level_comes_once_in_order_and_the_chase_ends(
    changes: list[tuple[str, Rollout, int]],
) -> None:
    life = lived([], [0])
    life = LivedThrough(an_account(a_standing(an_invoice(policy_version="first", opened_at=START))), life.rules, START)
    for version, rollout, hours in changes:
        life.run(until=life.now + timedelta(hours=hours))
        life.rules = rules_by(POLICIES[version], rollout)
    life.run(until=life.now + timedelta(days=DAYS))
    levels = [item.level for message in life.sent for item in message.items if item.level is not None]
    assert levels == list(range(1, len(levels) + 1))
    assert len(levels) >= len(life.rules.of(life.account.standings[0].invoice).ladders["standard"].levels)
    assert life.told, "the ladder's end is told to a person"
