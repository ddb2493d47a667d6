"""Numbers and names as people read them."""

from __future__ import annotations

import unicodedata
from datetime import datetime

from archivist.model import text_to_path

# Format characters (Cf) reorder or hide text: a right-to-left override makes ``gpj.exe`` of
# ``exe.jpg``. Controls (Cc) break lines; line and paragraph separators (Zl, Zp) do too.
_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def readable(path: str) -> str:
    r"""Return a path with what cannot be seen, or is no text, as an escape: ``a\nb``, ``\xff``.

    For people only: the exact text stays in the tables.
    """
    return "".join(
        char if unicodedata.category(char) not in _UNSEEN else _escape(char)
        for char in text_to_path(path)
    )


def _escape(char: str) -> str:
    if "\udc80" <= char <= "\udcff":
        return f"\\x{ord(char) - 0xDC00:02x}"
    return char.encode("unicode_escape").decode("ascii")


def folder_and_name(path: str) -> tuple[str, str]:
    """Return the readable folder, with its slash, and name of a path."""
    folder, slash, name = readable(path).rpartition("/")
    return folder + slash, name


def duration(seconds: float | None) -> str:
    """Return a time as people say it: ``12 ms``, ``3.1 s``, ``3 min 20 s``, ``5 h 02 min``."""
    if seconds is None:
        return "unknown"
    return _short_duration(seconds) if seconds < 59.5 else _long_duration(round(seconds))


def _short_duration(seconds: float) -> str:
    if seconds < 0.0005:
        return "0 s"
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"


def _long_duration(seconds: int) -> str:
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02d} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02d} min" if hours < 48 else f"{hours / 24:.1f} days"


def file_size(size: int) -> str:
    """Return a size in decimal units, as file managers show it: ``1.4 MB``."""
    if size < 1000:
        return f"{size} byte" + ("" if size == 1 else "s")
    value = float(size)
    for unit in ("kB", "MB", "GB", "TB"):
        value /= 1000
        # 999.95 would be shown as 1000.0.
        if value < 999.5 or unit == "TB":
            break
    return f"{value:.0f} {unit}" if value >= 99.95 else f"{value:.1f} {unit}"


def share(value: float | None) -> str:
    """Return a share 0..1 in per cent, never rounding something to nothing."""
    if value is None:
        return ""
    percent = value * 100
    if 0 < percent < 0.01:
        return "< 0.01 %"
    if percent == 0 or percent >= 10:
        return f"{percent:.0f} %"
    return f"{percent:.2f} %" if percent < 1 else f"{percent:.1f} %"


def number(value: object) -> str:
    """Return a param or a score in short: floats with four significant digits."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if value is None:
        return "none"
    return readable(str(value))


def count(value: int) -> str:
    """Return a count with a thin space between thousands."""
    return f"{value:,}".replace(",", "\u202f")


def short(digest: str) -> str:
    """Return the first twelve characters of a digest: enough to tell a million files apart."""
    return digest[:12]


def moment(time: datetime | None) -> str:
    """Return a time as ``2026-11-22 16:25 UTC``."""
    return "" if time is None else time.strftime("%Y-%m-%d %H:%M UTC")
