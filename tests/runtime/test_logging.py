import io
import json
import logging
from collections.abc import Iterator

import pytest

from runtime.logging import set_up_logging


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


def test_a_line_of_json_has_what_was_passed_along_and_the_fault() -> None:
    written = io.StringIO()
    set_up_logging(log_format="json", stream=written)
    try:
        raise ValueError("no such invoice")
    except ValueError:
        logging.getLogger("baton.worker").exception("refused %s", "INV-1", extra={"invoice_id": "INV-1"})
    (line,) = written.getvalue().splitlines()
    entry = json.loads(line)
    assert entry["level"] == "error"
    assert entry["logger"] == "baton.worker"
    assert entry["message"] == "refused INV-1"
    assert entry["invoice_id"] == "INV-1"
    assert "ValueError: no such invoice" in entry["fault"]
    assert entry["at"].endswith("Z")


def test_a_message_cannot_forge_a_line_of_text() -> None:
    written = io.StringIO()
    set_up_logging(stream=written)
    logging.getLogger("baton").info("customer %s", "Acme\r\n2026-01-01 INFO root: all paid\x1b[2J")
    assert len(written.getvalue().splitlines()) == 1
    assert "\x1b" not in written.getvalue()


def test_what_is_below_the_level_is_not_written() -> None:
    written = io.StringIO()
    set_up_logging(level="warning", stream=written)
    logging.getLogger("baton").info("quiet")
    assert written.getvalue() == ""


def test_setting_up_again_replaces_what_was_there() -> None:
    first, second = io.StringIO(), io.StringIO()
    set_up_logging(stream=first)
    set_up_logging(stream=second)
    logging.getLogger("baton").warning("once")
    assert first.getvalue() == ""
    assert second.getvalue().count("once") == 1
