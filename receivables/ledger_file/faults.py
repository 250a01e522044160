"""The one refusal that every reader of a cell raises."""


class BadCell(ValueError):
    """A cell that cannot be read as its field; `expected` says in words what would be."""

    def __init__(self, expected: str) -> None:
        super().__init__(expected)
        self.expected = expected
