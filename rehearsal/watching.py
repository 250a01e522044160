"""The design's promises, each checked over a whole finished run. A check that cannot fail would be worth nothing: the
tests feed each a broken run."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rehearsal import watching_books as books
from rehearsal import watching_letters as letters
from rehearsal.seen import Seen

Check = Callable[[Seen], Iterator[str | None]]
"""Yields once for each thing that it looks at: None where it is well, else what is wrong with it, in words."""


@dataclass(frozen=True)
class Watched:
    """One promise over the run. `checked`: how many things were looked at; `broken`: each that broke it, in words."""

    number: int
    name: str
    looked_at: str
    checked: int
    broken: tuple[str, ...]
    is_rehearsed: bool = True


@dataclass(frozen=True)
class Promise:
    """A promise of the design, and what a rehearsal looks at; `check` None: a ledger cannot show it."""

    number: int
    name: str
    looked_at: str
    check: Check | None


PROMISES: tuple[Promise, ...] = (
    Promise(
        1,
        "Never twice",
        "no letter, and no step of an invoice in one cycle, left twice; what left is what the store says was sent",
        letters.never_twice,
    ),
    Promise(
        2,
        "Nothing accepted is lost",
        "every fact is stored, its workflow was told and has looked since; every paid invoice's run has ended",
        books.nothing_lost,
    ),
    Promise(
        3,
        "A reply freezes first",
        "not rehearsed: a ledger holds no letters from customers (its disputes come already read)",
        None,
    ),
    Promise(
        4,
        "Only money or a person moves the ladder",
        "levels come in order, none skipped or repeated; cases ended by a decision or with nothing left open",
        letters.ladder_in_order,
    ),
    Promise(
        5,
        "Judge again before acting",
        "each letter asks for what was open at that instant, of nothing paid, disputed or with a person",
        letters.judged_again,
    ),
    Promise(
        6,
        "Fresh money only",
        "the payment feed was as fresh as the policy asks when each reminder left",
        letters.fresh_money,
    ),
    Promise(
        7,
        "One contact budget",
        "each letter lies within hours, working days and budget of its customer; one letter of a kind a day",
        letters.within_the_budget,
    ),
    Promise(
        8, "Personal-only means none", "no letter to a customer who is personal-only", letters.personal_only_means_none
    ),
    Promise(
        9,
        "Every hold has a reason, an owner and an end",
        "each hold and case has them, and each invoice that waits knows until when",
        books.every_hold_ends,
    ),
    Promise(
        10,
        "Everything has a why",
        "each letter, each step held back, each case and each invoice's next step says why",
        books.everything_has_a_why,
    ),
    Promise(
        11,
        "Honest automation",
        "each letter says that it is automatic, names a person, offers to pay, dispute and ask for time (RFC 3834)",
        letters.honest_automation,
    ),
    Promise(
        12,
        "Two people for what cannot be undone",
        "not rehearsed: nobody writes off, sues or settles in a rehearsal",
        None,
    ),
    Promise(
        13,
        "Exact money",
        "each balance is the bill plus its entries, to the minor unit, and ends as the ledger's own",
        books.exact_money,
    ),
    Promise(
        14,
        "Policy is data",
        "each letter's step, template and tone stand in the policy file that the invoice runs by",
        letters.by_the_policy,
    ),
)


def watch(seen: Seen) -> tuple[Watched, ...]:
    """Check every promise over the run."""
    return tuple(_watch(promise, seen) for promise in PROMISES)


def _watch(promise: Promise, seen: Seen) -> Watched:
    found = list(promise.check(seen)) if promise.check is not None else []
    return Watched(
        number=promise.number,
        name=promise.name,
        looked_at=promise.looked_at,
        checked=len(found),
        broken=tuple(each for each in found if each is not None),
        is_rehearsed=promise.check is not None,
    )
