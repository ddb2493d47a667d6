"""The networks of "Bringing Old Photos Back to Life" in the size and with the names of its release.

:mod:`.vae` and :mod:`.mapping` declare them, :mod:`.attention` and :mod:`.patches` hold the two
ways to fill damage from elsewhere in the picture, :mod:`.banded` computes them with little memory
and :mod:`.restore` joins them into one restoration of a whole picture.
"""
