"""Pictures made for tests: with what a camera writes, hostile ones too."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from random import Random
from typing import Any

from PIL import ExifTags, Image

SIZE = (640, 480)
"""Small, so that tests are quick."""


def scene(seed: int = 1, size: tuple[int, int] = SIZE) -> Image.Image:
    """A picture like no other: light and dark fields, smooth between."""
    chance = Random(seed)
    fields = Image.new("RGB", (8, 6))
    fields.putdata([(chance.randrange(256), chance.randrange(256), chance.randrange(256)) for _ in range(48)])
    return fields.resize(size, Image.Resampling.BICUBIC)


def photo(
    seed: int = 1,
    *,
    image: Image.Image | None = None,
    kind: str = "JPEG",
    time: str | None = None,
    offset: str | None = None,
    place: tuple[float, float] | None = None,
    orientation: int | None = None,
    **options: Any,
) -> bytes:
    """A picture file; `time` is what a camera writes (`2026:01:12 11:00:00`), `place` latitude and longitude."""
    exif = Image.Exif()
    if orientation is not None:
        exif[ExifTags.Base.Orientation] = orientation
    camera, gps = exif.get_ifd(ExifTags.IFD.Exif), exif.get_ifd(ExifTags.IFD.GPSInfo)
    if time is not None:
        camera[ExifTags.Base.DateTimeOriginal] = time
    if offset is not None:
        camera[ExifTags.Base.OffsetTimeOriginal] = offset
    if place is not None:
        gps[ExifTags.GPS.GPSLatitudeRef], gps[ExifTags.GPS.GPSLongitudeRef] = ("NS"[place[0] < 0], "EW"[place[1] < 0])
        gps[ExifTags.GPS.GPSLatitude], gps[ExifTags.GPS.GPSLongitude] = (_sexagesimal(abs(each)) for each in place)
    if len(exif) or camera or gps:
        # The library takes EXIF for empty that has no tag of its own.
        exif[ExifTags.Base.Make] = "Kamera"
        options["exif"] = exif
    out = BytesIO()
    (image or scene(seed)).save(out, kind, **options)
    return out.getvalue()


def saved_again(content: bytes, *, quality: int = 60, scale: float = 0.7) -> bytes:
    """The same picture as somebody else's program would save it: smaller, worse, without EXIF."""
    image = Image.open(BytesIO(content)).convert("RGB")
    smaller = image.resize((int(image.width * scale), int(image.height * scale)))
    return photo(image=smaller, quality=quality)


def png_of(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to nothing."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(100))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, content) for name, content in chunks)


def moving() -> bytes:
    """A WebP film of two pictures."""
    return photo(kind="WEBP", save_all=True, append_images=[scene(2)])


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def _sexagesimal(degrees: float) -> tuple[float, float, float]:
    whole, rest = divmod(degrees, 1)
    minutes, rest = divmod(rest * 60, 1)
    return whole, minutes, rest * 60
