"""Who reviews, and what they write: names that can be told apart, text that any catalog takes."""

from __future__ import annotations

import unicodedata

from archivist.api.errors import UsageError
from archivist.catalog.standing import person
from archivist.config import ReviewSettings
from archivist.model import clean_text

LONGEST_NAME = 200
LONGEST_REASON = 10_000
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
"""Categories of characters that hide in a name: two names that look alike would be two persons."""
_JOINERS = "\u200c\u200d"
"""Signs of this kind that belong into names of some scripts."""


def reviewer(name: str, policy: ReviewSettings) -> str:
    """Return a reviewer's name without blanks around it. Raises UsageError for one that is none."""
    name = " ".join(name.split())
    if not name:
        raise UsageError("a review needs the name of a person. Cure: --by NAME")
    unseen = any(unicodedata.category(c) in _UNSEEN for c in name if c not in _JOINERS)
    if len(name) > LONGEST_NAME or unseen or not person(name):
        raise UsageError(
            f"{name[:LONGEST_NAME]!a} is no name: it is too long, or holds characters that "
            "cannot be seen. Cure: type it anew"
        )
    known = {person(one): one for one in policy.reviewers}
    if known and person(name) not in known:
        raise UsageError(
            f"{name} may not review here. Reviewers are: {', '.join(policy.reviewers)}. "
            "Cure: one of these names, or add it to review.reviewers in the configuration"
        )
    return known.get(person(name), name)


def reason_of(text: str, *, needed: bool) -> str:
    """Return a reason that any catalog takes. Raises UsageError where one is needed and missing."""
    text = clean_text(text.replace("\r\n", "\n")).strip()
    if needed and not text:
        raise UsageError("say why. Cure: --reason TEXT; it is kept with the decision")
    if len(text) > LONGEST_REASON:
        raise UsageError(f"the reason is longer than {LONGEST_REASON} characters. Cure: shorten it")
    return text
