"""A chase played through policy alone: asks, writes, moves on, and keeps what the customer received, by local day."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from policy.next_step import next_step
from policy.outreach import HeldBack, Outreach, judge
from policy.rules import Rules
from policy.time_zones import local_date
from receivables.account import Account, StepTaken
from receivables.escalations import CaseState
from receivables.messages import Message, MessageState
from receivables.steps import Close, Contact, Escalate, Wait
from tests.builders import a_case


@dataclass
class Chasing:
    account: Account
    rules: Rules
    now: datetime
    sent: list[Outreach] = field(default_factory=list)
    sent_at: list[datetime] = field(default_factory=list)
    told: list[Escalate] = field(default_factory=list)
    held_back: list[tuple[date, Wait]] = field(default_factory=list)

    @property
    def today(self) -> date:
        return self.day_of(self.now)

    def day_of(self, at: datetime) -> date:
        return local_date(customer=self.account.customer, policy=self.rules.current, as_of=at)

    def sent_on(self) -> list[tuple[date, str]]:
        return [(outreach.window_on, outreach.step) for outreach in self.sent]

    def run(self, *, until: datetime) -> "Chasing":
        """Let time pass; whoever wakes is asked, as their workflows would."""
        for _ in range(5000):
            upcoming = self._everybody_acts()
            if upcoming is None or upcoming > until:
                self.now = until
                return self
            self.now = max(upcoming, self.now + timedelta(seconds=1))
        raise AssertionError("the chase never came to rest")

    def _everybody_acts(self) -> datetime | None:
        """Each invoice in turn does what is due now; when the first of them wakes next."""
        wakes: list[datetime] = []
        for standing in self.account.standings:
            invoice_id = standing.invoice.invoice_id
            for _ in range(10):
                step = next_step(account=self.account, invoice_id=invoice_id, rules=self.rules, as_of=self.now)
                if not self._act(invoice_id, step):
                    break
            else:
                raise AssertionError(f"{invoice_id} acts again and again at {self.now}: {step}")
            if not isinstance(step, Close | Escalate):
                wakes.append(step.look_again_at)
        return min(wakes, default=None)

    def _act(self, invoice_id: str, step: Contact | Wait | Escalate | Close) -> bool:
        match step:
            case Contact():
                if step.at > self.now:
                    return False
                outreach = judge(
                    account=self.account, invoice_id=invoice_id, step=step.step, rules=self.rules, as_of=self.now
                )
                assert not isinstance(outreach, HeldBack), f"next step says {step}, its judge says {outreach}"
                self.sent.append(outreach)
                self.sent_at.append(self.now)
                self.account = with_message(self.account, outreach, at=self.now)
                return True
            case Escalate():
                self.told.append(step)
                number = len(self.told)
                case = a_case(
                    case_id=f"told-{number}",
                    customer_id=self.account.customer.customer_id,
                    invoice_ids=(invoice_id,),
                    trigger=step.trigger,
                    matter=step.matter,
                    state=CaseState.DECIDED,
                    wanted_at=self.now,
                    deadline_at=step.deadline_at,
                    decided_at=self.now,
                )
                self.account = self.account.model_copy(update={"cases": (*self.account.cases, case)})
                return True
            case Wait():
                if step.held_back is not None:
                    self.held_back.append((self.today, step))
                return False
            case Close():
                return False


def with_message(
    account: Account, outreach: Outreach, *, at: datetime, state: MessageState = MessageState.SENT
) -> Account:
    """The account after this message was written."""
    message = Message(
        key=outreach.key,
        customer_id=outreach.customer_id,
        kind=outreach.kind,
        step=outreach.step,
        template=outreach.template,
        tone=outreach.tone,
        channel=outreach.channel,
        to=outreach.to,
        window_on=outreach.window_on,
        items=outreach.items,
        state=state,
        reserved_at=at,
        lease_until=at + timedelta(minutes=5),
        sent_at=at if state is MessageState.SENT else None,
    )
    items = {item.invoice_id: item for item in outreach.items}
    standings = tuple(
        standing.model_copy(
            update={
                "steps_taken": (
                    *standing.steps_taken,
                    StepTaken(item=items[standing.invoice.invoice_id], message=message),
                )
            }
        )
        if standing.invoice.invoice_id in items
        else standing
        for standing in account.standings
    )
    return account.model_copy(update={"messages": (*account.messages, message), "standings": standings})
