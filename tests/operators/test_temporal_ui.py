"""The Temporal UI as an operator opens it: an invoice's page tells the story by itself. Screenshots in var/screenshots/."""

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
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
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


async def page_of(browser: Browser, office: RealOffice, path: str) -> Page:
    page = await browser.new_page(viewport={"width": 1280, "height": 1000})
    # A running workflow's page polls without end: it is never idle, so each test waits for what it expects to see.
    await page.goto(f"{office.server.ui_url}{path}", wait_until="domcontentloaded")
    return page


async def test_an_invoices_page_shows_its_summary_and_its_story(office: RealOffice, browser: Browser) -> None:
    await an_eventful_life(office)
    page = await page_of(browser, office, "/namespaces/default/workflows/invoice-INV-1042")
    headline = re.compile(r"INV-1042 · Acme GmbH · EUR 1,200\.00 due")
    await expect(page.get_by_text(headline).first).to_be_visible(timeout=30_000)
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    await page.wait_for_timeout(3000)
    await page.screenshot(path=SCREENSHOTS / "invoice.png")
    await page.get_by_text("Timeline").nth(1).scroll_into_view_if_needed()
    await page.mouse.wheel(0, 3000)
    await page.wait_for_timeout(1000)
    await page.screenshot(path=SCREENSHOTS / "invoice-timeline.png")
    await page.goto(page.url.removesuffix("/timeline").removesuffix("/history") + "/user-metadata")
    await page.wait_for_timeout(2000)
    print(page.url)
    await page.screenshot(path=SCREENSHOTS / "invoice-metadata.png", full_page=True)
    await page.goto(f"{office.server.ui_url}/namespaces/default/workflows")
    await page.wait_for_timeout(3000)
    await page.screenshot(path=SCREENSHOTS / "workflows.png", full_page=True)
    print((await office.run_of("INV-1042").describe()).raw_description)
    assert 0
