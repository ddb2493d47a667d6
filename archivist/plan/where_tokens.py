"""The words of the ``--where`` language: names, texts, numbers, signs."""

from __future__ import annotations

import re
from dataclasses import dataclass

WORDS = frozenset({"and", "or", "not", "like", "in", "true", "false"})
"""Words with a meaning of their own, in any case: ``AND``. A fact of such a name: `` `in` ``."""

_TOKEN = re.compile(
    r"""
      (?P<blank>\s+)
    | (?P<number>-?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?(?![\w.]))
    | (?P<name>[^\W\d][\w.]*)
    | `(?P<quoted_name>[^`]+)`
    | "(?P<double>(?:[^"\\]|\\.)*)"
    | '(?P<single>(?:[^'\\]|\\.)*)'
    | (?P<sign><=|>=|==|!=|[=<>()\[\],])
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A word of an expression. ``kind`` is name, string, number, word, sign or end."""

    kind: str
    text: str
    shown: str
    """As it stands in the expression."""
    start: int
    end: int


class Fault(Exception):
    """What is wrong at a token of an expression, and how to mend it."""

    def __init__(self, message: str, token: Token, cure: str = "") -> None:
        self.message, self.cure = message, cure
        self.start, self.end = token.start, token.end
        super().__init__(message)

    def shown_in(self, text: str) -> str:
        """Return the message with the line of the expression and a marker below the place."""
        before = text[: self.start].rpartition("\n")[2]
        line = before + text[self.start :].partition("\n")[0]
        marker = " " * len(before) + "^" * max(1, self.end - self.start)
        cure = f"\nCure: {self.cure}" if self.cure else ""
        return f"{self.message}\n  {line}\n  {marker}{cure}"


def tokens_of(text: str) -> list[Token]:
    """Return the tokens of an expression, the last of kind ``end``. Raises Fault."""
    tokens: list[Token] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise _unreadable(text, at)
        if match.lastgroup != "blank":
            tokens.append(_token(match))
        at = match.end()
    end = Token(kind="end", text="", shown="", start=len(text), end=len(text))
    return [*tokens, end]


def _token(match: re.Match[str]) -> Token:
    group = str(match.lastgroup)
    text = match[group]
    kind = {"quoted_name": "name", "double": "string", "single": "string"}.get(group, group)
    if kind == "string":
        text = re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)
    elif group == "name" and text.lower() in WORDS:
        kind, text = "word", text.lower()
    return Token(kind=kind, text=text, shown=match[0], start=match.start(), end=match.end())


def _unreadable(text: str, at: int) -> Fault:
    here = Token(kind="end", text="", shown=text[at], start=at, end=at + 1)
    if text[at] in "\"'`":
        return Fault("a quote is opened and not closed", here, f"close it with {text[at]}")
    if text[at].isdigit() or text[at] in "-.":
        return Fault("this is no number", here, "write texts, also dates, in quotes")
    return Fault(f"{text[at]!r} has no meaning here", here)
