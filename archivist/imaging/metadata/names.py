"""Names of tags, as exiftool groups and calls them, for contracts and reports."""

from __future__ import annotations

from PIL import ExifTags

_OTHER = {
    0x0132: "ModifyDate",
    0x010F: "Make",
    0x0201: "ThumbnailOffset",
    0x0202: "ThumbnailLength",
    0x02BC: "XMP",
    0x83BB: "IPTC",
    0x8649: "Photoshop",
    0x8773: "ICC_Profile",
    0x8769: "ExifOffset",
    0x8825: "GPSInfo",
    0x9003: "DateTimeOriginal",
    0x9004: "CreateDate",
    0x9010: "OffsetTime",
    0x9011: "OffsetTimeOriginal",
    0x9012: "OffsetTimeDigitized",
    0x9214: "SubjectArea",
    0x9290: "SubSecTime",
    0xA002: "ExifImageWidth",
    0xA003: "ExifImageHeight",
    0x0101: "ImageHeight",
    0xA430: "OwnerName",
    0xA431: "SerialNumber",
    0xA432: "LensInfo",
    0xA436: "ImageTitle",
    0xA437: "Photographer",
    0xA438: "ImageEditor",
    0xA439: "CameraFirmware",
    0xA43A: "RAWDevelopingSoftware",
    0xA43B: "ImageEditingSoftware",
    0xA43C: "MetadataEditingSoftware",
    0x935C: "ImageSourceData",
    0xC4A5: "PrintIM",
    0xCD41: "C2PA",
}
_INTEROP = {1: "InteropIndex", 2: "InteropVersion"}


def tag_name(group: str, tag: int) -> str:
    """Return ``group:name`` of a tag; a tag without a name is written as a hex number."""
    if group == "GPS":
        name = ExifTags.GPSTAGS.get(tag)
    elif group == "InteropIFD":
        name = _INTEROP.get(tag)
    else:
        name = _OTHER.get(tag) or ExifTags.TAGS.get(tag)
    return f"{group}:{name or f'0x{tag:04x}'}"
