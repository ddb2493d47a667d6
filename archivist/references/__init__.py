"""References from the archive itself: pictures of the same things in finer detail.

:mod:`index` finds what looks alike, :mod:`rules` says what may not be a reference and why,
:mod:`geometry` proves that two pictures show the same things and how much finer one is, and
:mod:`select` chooses.
"""
