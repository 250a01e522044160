"""The `baton` command."""

import typer

from commands import (
    deciding,
    importing,
    in_doubt,
    keys,
    looking,
    people,
    policies,
    preview,
    processes,
    rehearsing,
    running,
)
from commands.terminal import Guarded

app = typer.Typer(
    cls=Guarded,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Baton: accounts receivable on Temporal. Automation does the predictable, people do the exceptional.\n\n"
    "Example: baton run --example examples",
)

for group in (running, processes, importing, rehearsing, looking, preview, deciding):
    app.add_typer(group.app)
app.add_typer(policies.app, name="policy")
app.add_typer(in_doubt.app, name="in-doubt")
app.add_typer(keys.app, name="keys")
app.add_typer(people.app, name="agents")


def main() -> None:
    """The entry point. Commands that run for good leave by `runtime.exits`."""
    app(prog_name="baton")


if __name__ == "__main__":
    main()
