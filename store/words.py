"""Words from outside, made harmless for the store: no database takes a NUL, nor half of a surrogate pair."""


def storable(words: str, *, most: int | None = None) -> str:
    """The same words, with what cannot be stored replaced (U+FFFD or ?), and no longer than `most` characters."""
    return words.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")[:most]
