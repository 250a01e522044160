"""What our processes say of themselves: text for people, JSON lines for machines."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Literal, TextIO

from rich.console import Console
from rich.logging import RichHandler

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), 127, *range(128, 160))}
_QUIET = ("httpx", "httpcore", "aiosqlite", "asyncio", "aiosmtplib")
"""Libraries whose INFO is noise."""


def set_up_logging(
    *, level: str = "info", log_format: Literal["text", "json"] = "text", stream: TextIO | None = None
) -> None:
    """Send all logging of this process to `stream` (standard error), in place of whatever was set up before.

    A terminal gets coloured text; a file or a pipe gets plain text. One record is one line, and control characters in
    it are shown, not obeyed; only a traceback takes more lines, and in JSON not even that.
    """
    output = stream or sys.stderr
    handler: logging.Handler
    if log_format == "json":
        handler = logging.StreamHandler(output)
        handler.setFormatter(JsonLines())
    elif output.isatty():
        handler = RichHandler(console=Console(file=output), show_path=False, rich_tracebacks=False)
        handler.setFormatter(PlainText("%(name)s: %(message)s"))
    else:
        handler = logging.StreamHandler(output)
        handler.setFormatter(PlainText("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.captureWarnings(True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


class PlainText(logging.Formatter):
    """Text whose message cannot start a line of its own."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = record.message.translate(_CONTROL)
        return super().formatMessage(record)

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: ARG002  the base class's signature
        return _instant(record)


class JsonLines(logging.Formatter):
    """One object a line: at, level, logger, message, what was passed as `extra`, and the traceback as `fault`."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": _instant(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update({key: value for key, value in vars(record).items() if key not in _STANDARD and key not in line})
        if record.exc_info:
            line["fault"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def _instant(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
