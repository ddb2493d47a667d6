"""Both codecs keep the promises that archivist asks of every codec."""

from __future__ import annotations

import pytest

from archivist.api import CodecSpec
from archivist.testing import assert_codec_conforms
from archivist_jpeg2000.plugin import CODECS


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.id)
def test_the_codec_keeps_its_promises(kit, codec: CodecSpec) -> None:
    photo = kit.photo(150, 130)
    wrap = {"no_jp2": codec.id == "j2k"}
    files = {
        "lossy": kit.pillow(photo, irreversible=True, quality_layers=[45], **wrap),
        "in tiles": kit.pillow(photo, tile_size=(40, 40), **wrap),
        "grey": kit.pillow(photo[..., :1], **wrap),
    }
    if codec.id == "jp2":
        files["sycc"] = kit.file(kit.stream(photo), photo, kit.colr(18))
    assert_codec_conforms(codec, files=files, module="archivist_jpeg2000.plugin")
