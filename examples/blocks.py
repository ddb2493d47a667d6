"""Metadata blocks for the example archive: Exif, IPTC, XMP and a grey colour profile."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from xml.sax.saxutils import escape

from PIL import Image

NOTE = "The damage in this picture is simulated."


def caption(record: Mapping[str, str]) -> str:
    """Return title, creator, date and technique of a picture, and that its damage is not real."""
    parts = [record[name] for name in ("title", "creator", "date", "technique")]
    return "; ".join(parts) + "." + (f" {NOTE}" if record.get("damaged") else "")


def exif(
    record: Mapping[str, str], size: tuple[int, int], dpi: float, *, orientation: int, grey: bool
) -> Image.Exif:
    """Return an Exif block: title, creator, rights, size as stored, resolution, orientation."""
    block = Image.Exif()
    block[0x010E] = caption(record)
    block[0x0112] = orientation
    block[0x011A] = block[0x011B] = dpi
    block[0x0128] = 2
    block[0x013B] = record["creator"]
    block[0x0213] = 1
    block[0x8298] = record["rights"]
    details = block.get_ifd(0x8769)
    details[0x9000] = b"0232"
    details[0xA000] = b"0100"
    details[0xA001] = 0xFFFF if grey else 1
    details[0xA002], details[0xA003] = size
    return block


def iptc(record: Mapping[str, str]) -> bytes:
    """Return IPTC-IIM data sets in UTF-8 (IIM 4.2, records 1 and 2)."""
    sets = {
        (2, 5): record["title"],
        (2, 25): record["series"],
        (2, 80): record["creator"],
        (2, 103): record["inventory_no"],
        (2, 110): record["institution"].partition(",")[0],
        (2, 116): record["rights"],
        (2, 120): caption(record),
    }
    data = b"\x1c\x01\x5a" + struct.pack(">H", 3) + b"\x1b%G" + b"\x1c\x02\x00\x00\x02\x00\x04"
    for (group, number), text in sets.items():
        value = text.encode()
        data += struct.pack(">BBBH", 0x1C, group, number, len(value)) + value
    return data


def photoshop_segment(record: Mapping[str, str]) -> bytes:
    """Return a JPEG APP13 segment that holds the IPTC block."""
    data = iptc(record)
    body = b"Photoshop 3.0\x00" + b"8BIM\x04\x04\0\0" + struct.pack(">I", len(data)) + data
    body += b"\0" * (len(data) % 2)
    return b"\xff\xed" + struct.pack(">H", len(body) + 2) + body


def xmp(record: Mapping[str, str]) -> bytes:
    """Return an XMP packet with Dublin Core and IPTC artwork fields."""
    text = {name: escape(value) for name, value in record.items()}
    return f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
    xmlns:xmpRights="http://ns.adobe.com/xap/1.0/rights/">
   <dc:title><rdf:Alt><rdf:li xml:lang="x-default">{text["title"]}</rdf:li></rdf:Alt></dc:title>
   <dc:creator><rdf:Seq><rdf:li>{text["creator"]}</rdf:li></rdf:Seq></dc:creator>
   <dc:rights><rdf:Alt><rdf:li xml:lang="x-default">{text["rights"]}</rdf:li></rdf:Alt></dc:rights>
   <dc:description><rdf:Alt>
    <rdf:li xml:lang="x-default">{escape(caption(record))}</rdf:li>
   </rdf:Alt></dc:description>
   <xmpRights:WebStatement>{text["page"]}</xmpRights:WebStatement>
   <Iptc4xmpExt:ArtworkOrObject><rdf:Bag><rdf:li rdf:parseType="Resource">
    <Iptc4xmpExt:AOSourceInvNo>{text["inventory_no"]}</Iptc4xmpExt:AOSourceInvNo>
    <Iptc4xmpExt:AOSource>{text["institution"]}</Iptc4xmpExt:AOSource>
   </rdf:li></rdf:Bag></Iptc4xmpExt:ArtworkOrObject>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>""".encode()


def grey_profile() -> bytes:
    """Return an ICC profile (version 2) of grey with gamma 2.2 and white D50."""

    def padded(data: bytes) -> bytes:
        return data + b"\0" * (-len(data) % 4)

    name = b"Grey gamma 2.2\0"
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(name)) + name + b"\0" * 78,
        b"cprt": b"text\0\0\0\0No copyright, use freely\0",
        b"wtpt": b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061),
        b"kTRC": b"curv\0\0\0\0" + struct.pack(">IH", 1, round(2.2 * 256)),
    }
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for tag, data in tags.items():
        table += tag + struct.pack(">II", start + len(body), len(data))
        body += padded(data)
    size = start + len(body)
    header = struct.pack(">I4sI4s4s4s", size, b"none", 0x02100000, b"mntr", b"GRAY", b"XYZ ")
    header += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + b"\0" * 28
    header += struct.pack(">3i", 63190, 65536, 54061)
    return header.ljust(128, b"\0") + table + body
