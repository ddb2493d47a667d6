"""Regions in XMP (faces, people): Metadata Working Group and Microsoft, turned with the pixels."""

from __future__ import annotations

from collections.abc import Callable

from lxml import etree

from archivist.imaging.metadata.geometry import turned_box, turned_point, turned_size
from archivist.imaging.metadata.target import Ledger, Target
from archivist.imaging.metadata.xmp import Packet, qname


def turn_regions(packet: Packet, target: Target, ledger: Ledger) -> None:
    """Turn the regions of a packet with the pixels, in place; listed where something changed."""
    orientation = target.stored.orientation
    if orientation == 1 and target.scale == (1.0, 1.0):
        return
    before = packet.properties()
    for element in packet.root.iter(etree.Element):
        if element.tag == qname("mwg-rs:AppliedToDimensions") or _has(element, "stDim:w"):
            _dimensions(element, target)
        if orientation != 1 and _has(element, "stArea:x"):
            _area(element, orientation)
        if orientation != 1 and _has(element, "MPReg:Rectangle"):
            _rectangle(element, orientation)
    after = packet.properties()
    for name in before:
        if after.get(name) != before[name]:
            ledger.changed[name] = "regions follow the pixels"


def _has(element: etree._Element, name: str) -> bool:
    return _field(element, name) is not None


def _field(element: etree._Element, name: str) -> str | None:
    tag = qname(name)
    if tag in element.attrib:
        return str(element.attrib[tag])
    child = element.find(tag)
    return None if child is None else child.text


def _put(element: etree._Element, name: str, value: str) -> None:
    tag = qname(name)
    if tag in element.attrib:
        element.attrib[tag] = value
        return
    child = element.find(tag)
    if child is not None:
        child.text = value


def _dimensions(element: etree._Element, target: Target) -> None:
    if (_field(element, "stDim:unit") or "pixel") != "pixel":
        return
    stored = (str(target.stored.width), str(target.stored.height))
    if (_field(element, "stDim:w"), _field(element, "stDim:h")) == stored:
        _put(element, "stDim:w", str(target.width))
        _put(element, "stDim:h", str(target.height))


def _numbers(texts: list[str | None], use: Callable[[list[float]], None]) -> None:
    try:
        values = [float(words or "") for words in texts]
    except ValueError:
        return
    use(values)


def _area(element: etree._Element, orientation: int) -> None:
    def move(values: list[float]) -> None:
        x, y = turned_point(values[0], values[1], orientation)
        _put(element, "stArea:x", f"{x:.6g}")
        _put(element, "stArea:y", f"{y:.6g}")

    def turn(values: list[float]) -> None:
        wide, high = turned_size(values[0], values[1], orientation)
        _put(element, "stArea:w", f"{wide:.6g}")
        _put(element, "stArea:h", f"{high:.6g}")

    if (_field(element, "stArea:unit") or "normalized") == "normalized":
        _numbers([_field(element, f"stArea:{axis}") for axis in "xy"], move)
        _numbers([_field(element, f"stArea:{axis}") for axis in "wh"], turn)


def _rectangle(element: etree._Element, orientation: int) -> None:
    def move(values: list[float]) -> None:
        box = turned_box((values[0], values[1], values[2], values[3]), orientation)
        _put(element, "MPReg:Rectangle", ", ".join(f"{value:.6f}" for value in box))

    words = (_field(element, "MPReg:Rectangle") or "").split(",")
    if len(words) == 4:
        _numbers(list(words), move)
