"""XMP packets: read safely, compared property by property, written back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lxml import etree

NAMESPACES: Mapping[str, str] = {
    "x": "adobe:ns:meta/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "dc": "http://purl.org/dc/elements/1.1/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "xmpMM": "http://ns.adobe.com/xap/1.0/mm/",
    "xmpRights": "http://ns.adobe.com/xap/1.0/rights/",
    "xmpNote": "http://ns.adobe.com/xmp/note/",
    "stEvt": "http://ns.adobe.com/xap/1.0/sType/ResourceEvent#",
    "stRef": "http://ns.adobe.com/xap/1.0/sType/ResourceRef#",
    "stArea": "http://ns.adobe.com/xmp/sType/Area#",
    "stDim": "http://ns.adobe.com/xap/1.0/sType/Dimensions#",
    "tiff": "http://ns.adobe.com/tiff/1.0/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "Iptc4xmpCore": "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "mwg-rs": "http://www.metadataworkinggroup.com/schemas/regions/",
    "MPReg": "http://ns.microsoft.com/photo/1.2/t/Region#",
    "hdrgm": "http://ns.adobe.com/hdr-gain-map/1.0/",
    "GCamera": "http://ns.google.com/photos/1.0/camera/",
    "GContainer": "http://ns.google.com/photos/1.0/container/",
    "archivist": "urn:archivist:xmp:1.0/",
}
"""The prefixes we write and name properties by; others keep the prefix of the packet."""

_PREFIXES = {uri: prefix for prefix, uri in NAMESPACES.items()}
_RDF = "{" + NAMESPACES["rdf"] + "}"
_HEAD = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'.encode()
_TAIL = b'\n<?xpacket end="w"?>'
_EMPTY = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about=""/></rdf:RDF></x:xmpmeta>'
)


class BrokenXmp(ValueError):
    """The bytes are no XMP packet."""


def qname(name: str) -> str:
    """Return ``prefix:name`` as lxml writes it."""
    prefix, _, local = name.partition(":")
    return f"{{{NAMESPACES[prefix]}}}{local}"


@dataclass(frozen=True, slots=True)
class Packet:
    """A parsed packet: ``root`` is x:xmpmeta or rdf:RDF. Edited in place by its owner."""

    root: etree._Element

    @classmethod
    def parse(cls, data: bytes) -> Packet:
        """Read a packet without entities, DTDs or network. Raises BrokenXmp."""
        parser = etree.XMLParser(
            resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
        )
        data = data.strip(b"\0 \t\r\n")
        try:
            root = etree.fromstring(data, parser)
        except (etree.XMLSyntaxError, ValueError) as error:
            raise BrokenXmp(str(error)) from error
        if root.getroottree().docinfo.doctype:
            raise BrokenXmp("the packet declares a document type")
        packet = cls(root)
        if packet.rdf is None:
            raise BrokenXmp("the packet holds no RDF")
        return packet

    @classmethod
    def empty(cls) -> Packet:
        """Make a packet without properties."""
        return cls(etree.fromstring(_EMPTY))

    @property
    def rdf(self) -> etree._Element | None:
        """The rdf:RDF element."""
        return self.root if self.root.tag == f"{_RDF}RDF" else self.root.find(f"{_RDF}RDF")

    def serialise(self) -> bytes:
        """Return the packet in UTF-8 between its processing instructions."""
        body: bytes = etree.tostring(self.root, encoding="utf-8", with_tail=False)
        return _HEAD + body + _TAIL

    def descriptions(self) -> list[etree._Element]:
        """Return the rdf:Description elements that hold the properties."""
        rdf = self.rdf
        return [] if rdf is None else rdf.findall(f"{_RDF}Description")

    def get(self, name: str) -> str | None:
        """Return a simple property (``prefix:name``) as text, None when it is not there."""
        tag = qname(name)
        for description in self.descriptions():
            if tag in description.attrib:
                return str(description.attrib[tag])
            found = description.find(tag)
            if found is not None:
                resource = found.get(f"{_RDF}resource")
                return resource if resource is not None else (found.text or "").strip()
        return None

    def has(self, name: str) -> bool:
        """Tell whether a property of any kind is there."""
        tag = qname(name)
        return any(
            tag in description.attrib or description.find(tag) is not None
            for description in self.descriptions()
        )

    def remove(self, name: str) -> bool:
        """Remove a property; return whether it was there."""
        tag, found = qname(name), False
        for description in self.descriptions():
            found = description.attrib.pop(tag, None) is not None or found
            for element in description.findall(tag):
                description.remove(element)
                found = True
        return found

    def element(self, name: str) -> etree._Element:
        """Return the element of a property in place of an attribute, made when it is missing."""
        tag = qname(name)
        for description in self.descriptions():
            found = description.find(tag)
            if found is not None:
                return found
        self.remove(name)
        return etree.SubElement(self._own_description(), tag, nsmap=self._prefix(name))

    def set(self, name: str, value: str) -> None:
        """Write a simple property where it stands, or anew."""
        tag = qname(name)
        for description in self.descriptions():
            if tag in description.attrib:
                description.attrib[tag] = value
                return
        element = self.element(name)
        for child in list(element):
            element.remove(child)
        element.attrib.clear()
        element.text = value

    def properties(self) -> dict[str, str]:
        """Return every property by its name (``XMP-dc:Title``) with its canonical text."""
        found: dict[str, list[str]] = {}
        for description in self.descriptions():
            for tag, value in description.attrib.items():
                if not str(tag).startswith(_RDF) and not str(tag).startswith("{http://www.w3.org/"):
                    found.setdefault(_name(str(tag), description), []).append(str(value))
            for element in description.iterchildren(etree.Element):
                found.setdefault(_name(str(element.tag), element), []).append(_canonical(element))
        return {name: "\n".join(values) for name, values in found.items()}

    def absorb(self, other: Packet) -> None:
        """Take over the properties of another packet (the extension of this one)."""
        rdf = self.rdf
        assert rdf is not None
        for description in other.descriptions():
            rdf.append(description)

    def _own_description(self) -> etree._Element:
        found = self.descriptions()
        if found:
            return found[0]
        rdf = self.rdf
        assert rdf is not None
        made = etree.SubElement(rdf, f"{_RDF}Description")
        made.set(f"{_RDF}about", "")
        return made

    @staticmethod
    def _prefix(name: str) -> dict[str, str]:
        prefix = name.partition(":")[0]
        return {prefix: NAMESPACES[prefix]}


def items(element: etree._Element) -> Iterator[etree._Element]:
    """Yield the rdf:li of a property that holds a list."""
    yield from element.iter(f"{_RDF}li")


def _canonical(element: etree._Element) -> str:
    if len(element) == 0 and not element.attrib:
        return (element.text or "").strip()
    text: bytes = etree.tostring(element, method="c14n", exclusive=True, with_tail=False)
    return text.decode()


def _name(tag: str, element: etree._Element) -> str:
    uri, _, local = tag[1:].rpartition("}")
    prefixes = {value: key for key, value in element.nsmap.items() if key}
    prefix = _PREFIXES.get(uri) or prefixes.get(uri) or "unknown"
    return f"XMP-{prefix}:{local[:1].upper()}{local[1:]}"
