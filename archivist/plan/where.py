"""The language of ``--where`` and of overrides in a recipe: which assets are meant.

::

    series == "Harbour" and width > 1000 and path like "1905/*"
    review = 'rejected' or not (status in ["done", "reused"])

An expression is parsed once into a predicate over the facts of an asset::

    expression  = conjunction { "or" conjunction }
    conjunction = negation { "and" negation }
    negation    = "not" negation | "(" expression ")" | comparison
    comparison  = value [ operator value | ["not"] "like" string | ["not"] "in" list ]
    operator    = "=" | "==" | "!=" | "<" | "<=" | ">" | ">="
    value       = name | string | number | "true" | "false"
    list        = "[" value { "," value } "]"   (round brackets are taken as well)

How values compare:

- A number and a text that reads as a number compare as numbers: facts of a manifest are text.
- Two texts compare letter by letter, so that dates as ``1905-03-12`` are in order.
- ``like`` takes ``*`` (any letters, also ``/``), ``?`` (one letter) and ``[abc]``; case is ignored.
- A fact that an asset does not have equals nothing, is in no order and is like nothing; alone, as
  a name without an operator, it is false, as are the empty text, 0 and false.
- A fact with several values (the paths of all copies) fits when one of them fits.
"""

from __future__ import annotations

import difflib
import fnmatch
import operator
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from typing import Any

from archivist.api.errors import ConfigError
from archivist.plan.where_tokens import Fault, Token, tokens_of

Facts = Mapping[str, object]
Predicate = Callable[[Facts], bool]
_Value = Callable[[Facts], object]
_Test = Callable[[object, object], bool]

_ORDER: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_EQUAL, _UNEQUAL = ("=", "=="), "!="
_DEEPEST = 50
"""Brackets and negations that may stand in one another."""


def parse(
    text: str, names: Collection[str] | None = None, *, where: str = "--where", key: str = ""
) -> Predicate:
    """Return the predicate of an expression over facts with the given ``names``.

    ``where`` and ``key`` say in errors where the expression stands. Raises ConfigError that shows
    the place in the expression, and for an unknown name the nearest one and all that are known.
    Without ``names`` the predicate raises the same error when it meets facts without the name.
    """
    try:
        predicate = _Parser(tokens_of(text), names).whole()
    except Fault as fault:
        raise ConfigError(fault.shown_in(text), where=where, key=key) from fault
    return predicate if names is not None else _checking(predicate, text, where, key)


def names_in(text: str) -> set[str]:
    """Return the names of facts that an expression asks for."""
    return {token.text for token in tokens_of(text) if token.kind == "name"}


def _checking(predicate: Predicate, text: str, where: str, key: str) -> Predicate:
    def checked(facts: Facts) -> bool:
        try:
            return predicate(facts)
        except Fault as fault:
            raise ConfigError(fault.shown_in(text), where=where, key=key) from fault

    return checked


class _Parser:
    """Recursive descent: one method for each rule of the grammar."""

    def __init__(self, tokens: list[Token], names: Collection[str] | None) -> None:
        self._tokens = tokens
        self._names = names
        self._at = 0
        self._depth = 0

    def whole(self) -> Predicate:
        predicate = self._expression()
        if self._next.kind != "end":
            raise self._unexpected("'and', 'or' or the end")
        return predicate

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _taken(self, *texts: str) -> Token | None:
        """Take the next token if it is one of these words or signs."""
        token = self._next
        if token.kind not in ("word", "sign") or token.text not in texts:
            return None
        self._at += 1
        return token

    def _expression(self) -> Predicate:
        parts = [self._conjunction()]
        while self._taken("or"):
            parts.append(self._conjunction())
        return parts[0] if len(parts) == 1 else lambda facts: any(part(facts) for part in parts)

    def _conjunction(self) -> Predicate:
        parts = [self._negation()]
        while self._taken("and"):
            parts.append(self._negation())
        return parts[0] if len(parts) == 1 else lambda facts: all(part(facts) for part in parts)

    def _negation(self) -> Predicate:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise Fault("is nested too deeply", self._next, f"use at most {_DEEPEST} levels")
        if self._taken("not"):
            inner = self._negation()
            predicate: Predicate = lambda facts: not inner(facts)  # noqa: E731 - reads as its rule
        elif self._taken("("):
            predicate = self._expression()
            self._expect(")")
        else:
            predicate = self._comparison()
        self._depth -= 1
        return predicate

    def _comparison(self) -> Predicate:
        left = self._value()
        if sign := self._taken(*_EQUAL, _UNEQUAL, *_ORDER):
            return self._compared(left, sign.text, self._value())
        negated = self._taken("not") is not None
        if self._taken("like"):
            predicate = self._like(left)
        elif self._taken("in"):
            predicate = self._in(left)
        elif negated:
            raise self._unexpected("'like' or 'in'")
        else:
            return lambda facts: bool(left(facts))
        return (lambda facts: not predicate(facts)) if negated else predicate

    @staticmethod
    def _compared(left: _Value, sign: str, right: _Value) -> Predicate:
        if sign in _ORDER:
            ordered = partial(_ordered, _ORDER[sign])
            return lambda facts: _any_pair(left(facts), right(facts), ordered)
        wanted = sign != _UNEQUAL
        return lambda facts: _any_pair(left(facts), right(facts), _equal) is wanted

    def _like(self, left: _Value) -> Predicate:
        token = self._next
        if token.kind != "string":
            raise self._unexpected("a pattern in quotes")
        self._at += 1
        fits = re.compile(fnmatch.translate(token.text), re.IGNORECASE).match
        return lambda facts: any(
            value is not None and fits(str(value)) is not None for value in _each(left(facts))
        )

    def _in(self, left: _Value) -> Predicate:
        opened = self._taken("[", "(")
        if opened is None:
            raise self._unexpected("a list in brackets")
        members = [self._value()]
        while self._taken(","):
            members.append(self._value())
        self._expect("]" if opened.text == "[" else ")")
        return lambda facts: any(
            _any_pair(left(facts), member(facts), _equal) for member in members
        )

    def _value(self) -> _Value:
        token = self._next
        if token.kind in ("string", "number"):
            constant = float(token.text) if token.kind == "number" else token.text
        elif token.kind == "word" and token.text in ("true", "false"):
            constant = token.text == "true"
        elif token.kind == "name":
            self._at += 1
            return self._fact(token)
        else:
            raise self._unexpected("a name, a text in quotes or a number")
        self._at += 1
        return lambda facts: constant

    def _fact(self, token: Token) -> _Value:
        name = token.text
        if self._names is not None:
            if name not in self._names:
                raise _unknown(token, self._names)
            return lambda facts: facts.get(name)

        def fact(facts: Facts) -> object:
            if name not in facts:
                raise _unknown(token, facts)
            return facts[name]

        return fact

    def _expect(self, sign: str) -> None:
        if not self._taken(sign):
            raise self._unexpected(f"'{sign}'")

    def _unexpected(self, wanted: str) -> Fault:
        token = self._next
        found = "the expression ends" if token.kind == "end" else f"found {token.shown!r}"
        return Fault(f"expected {wanted}, but {found}", token)


def _unknown(token: Token, names: Iterable[str]) -> Fault:
    known = sorted(names)
    near = difflib.get_close_matches(token.text, known, n=1)
    guess = f"{near[0]}, or " if near else ""
    return Fault(
        f"there is no fact named {token.text!r}",
        token,
        f'write {guess}"{token.text}" in quotes if it is a text. Known names: {", ".join(known)}',
    )


def _each(value: object) -> Iterable[object]:
    return value if isinstance(value, list | tuple | set | frozenset) else (value,)


def _any_pair(left: object, right: object, test: _Test) -> bool:
    return any(test(one, other) for one in _each(left) for other in _each(right))


def _equal(left: object, right: object) -> bool:
    pair = _comparable(left, right)
    return pair is not None and pair[0] == pair[1]


def _ordered(compare: _Test, left: object, right: object) -> bool:
    pair = _comparable(left, right)
    return pair is not None and compare(*pair)


def _comparable(left: object, right: object) -> tuple[object, object] | None:
    """Return both as numbers if one is a number, else both as text; None if that cannot be."""
    if left is None or right is None:
        return None
    if not (isinstance(left, int | float) or isinstance(right, int | float)):
        return str(left), str(right)
    try:
        return float(left), float(right)  # type: ignore[arg-type]  # others raise TypeError
    except (TypeError, ValueError):
        return None
