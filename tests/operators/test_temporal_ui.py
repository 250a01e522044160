"""The Temporal UI as an operator opens it: an invoice's page tells the story (screenshots: var/screenshots/)."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import which

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from receivables.replies import Intent
from store.database import Database
from tests.operators.real_office import ROOT, RealOffice, a_real_office

CHROMIUM = which("chromium") or which("chromium-browser") or which("google-chrome")
SCREENSHOTS = ROOT / "var" / "screenshots"
QUIET = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
"""It needs no rights, and asks nothing of the network beyond loopback."""

pytestmark = [
    pytest.mark.dev_server,
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here to look with"),
]

TODAY = datetime.now(UTC).date()
LATE = {"issued_on": TODAY - timedelta(days=40), "due_on": TODAY - timedelta(days=10)}


@pytest.fixture
async def office(sqlite_database: Database, tmp_path: Path) -> AsyncIterator[RealOffice]:
    async with a_real_office(sqlite_database, tmp_path) as opened:
        yield opened


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield opened
        await opened.close()


async def an_eventful_life(office: RealOffice) -> None:
    await office.owes(1042, amount="1200.00", invoice=LATE, owner="anna")
    await office.sees("level-1 sent", invoice_id="INV-1042")
    await office.pays("INV-1042", "400.00", payment_id="P-17")
    await office.sees("payment P-17", invoice_id="INV-1042")
    await office.writes(Intent.BILLING_QUESTION, reply_id="R-3", invoice_ids=("INV-1042",))
    await office.sees("with agent anna", invoice_id="INV-1042")


async def page_of(browser: Browser, office: RealOffice, path: str, *, height: int = 1000) -> Page:
    page = await browser.new_page(viewport={"width": 1360, "height": height})
    # A running workflow's page polls without end: it is never idle, so each test waits for what it expects to see.
    await page.goto(f"{office.server.ui_url}/namespaces/default/{path}", wait_until="domcontentloaded")
    return page


async def shoot(page: Page, name: str) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    await page.screenshot(path=SCREENSHOTS / f"{name}.png")


async def test_an_invoices_page_shows_its_summary_its_story_and_a_timeline_that_speaks(
    office: RealOffice, browser: Browser
) -> None:
    await an_eventful_life(office)
    run_id = (await office.run_of("INV-1042").describe()).run_id
    page = await page_of(browser, office, f"workflows/invoice-INV-1042/{run_id}/timeline", height=1330)
    for words in ("level-1: level 1 of 4", "take in reply R-3", "open a case: Acme GmbH wrote: billing question"):
        await expect(page.get_by_text(words).first).to_be_visible(timeout=30_000)
    await shoot(page, "invoice-timeline")
    page = await page_of(browser, office, f"workflows/invoice-INV-1042/{run_id}/user-metadata", height=1150)
    # Summary and details are rendered in frames of their own.
    shown = [page.frame_locator("iframe").nth(number) for number in range(2)]
    headline = re.compile(r"INV-1042 · Acme GmbH · EUR 1,200\.00 due")
    for frame in shown:
        await expect(frame.get_by_text(headline).first).to_be_visible(timeout=30_000)
    details = shown[1]
    for words in ("with agent · open EUR 800.00", "payment P-17 of EUR 400.00", "level-1 sent"):
        await expect(details.get_by_text(words).first).to_be_visible()
    assert await details.locator("li").count() >= 6, "facts and timeline are lists"
    await shoot(page, "invoice-details")


async def test_what_a_customer_is_called_hides_no_link_and_makes_no_picture(
    office: RealOffice, browser: Browser
) -> None:
    await office.owes(1, invoice=LATE, name="[pay](https://evil.example) ![x](https://evil.example/x) <img src=x>")
    await office.sees("level-1 sent")
    run_id = (await office.run_of().describe()).run_id
    page = await page_of(browser, office, f"workflows/invoice-INV-1/{run_id}/user-metadata")
    details = page.frame_locator("iframe").nth(1)
    await expect(details.get_by_text("level-1 sent").first).to_be_visible(timeout=30_000)
    assert await details.locator("img").count() == 0
    # a bare address may be shown as a link, but only as what it is
    assert all(link.startswith("http") for link in await details.locator("a").all_inner_texts())


async def test_runs_are_listed_by_customer_and_a_case_is_found_by_its_agent(
    office: RealOffice, browser: Browser
) -> None:
    await an_eventful_life(office)
    page = await page_of(browser, office, "workflows?query=CustomerId%3D%22C-1%22")
    for run in ("invoice-INV-1042", "escalation-INV-1042-1"):
        await expect(page.get_by_text(run).first).to_be_visible(timeout=30_000)
    await shoot(page, "runs-of-a-customer")
    page = await page_of(browser, office, "workflows?query=AssignedAgent%3D%22anna%22")
    await expect(page.get_by_text("escalation-INV-1042-1").first).to_be_visible(timeout=30_000)
    await expect(page.get_by_text("invoice-INV-1042", exact=True)).to_have_count(0)
