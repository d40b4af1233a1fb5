"""The darkroom: pictures checked by their content, hashed, stripped, shrunk and sealed, beside the event loop."""

from __future__ import annotations

import asyncio
import hashlib
import re
import struct
import zlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from math import isfinite
from typing import Any, TypeVar, TypeVarTuple
from zoneinfo import ZoneInfo

from PIL import ExifTags, Image, UnidentifiedImageError

from app.complaint.errors import InvalidInput
from app.complaint.evidence import Place
from app.vault import Vault

COPY = "evidence-copy"
ORIGINAL = "evidence-original"
COPY_TYPE = "image/jpeg"
"""What the copy is, whatever the original was."""

LONGEST_SIDE = 2560
SHORTEST_SIDE = 64
MOST_PIXELS = 2**26
"""Of the original; a camera of 64 megapixels stays below."""
AT_ONCE = 2
"""Pictures in work at one time: each may take some 300 MB for a moment."""

Given = TypeVarTuple("Given")
Made = TypeVar("Made")

_QUALITY = 85
_TYPES = {"JPEG": "image/jpeg", "MPO": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
_FORMATS = ("JPEG", "PNG", "WEBP")
_MODES = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr"})
_INDEXED = frozenset({"1", "P", "PA"})
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = 5
"""From this orientation on width and height change places."""

_BOMBS = (Image.DecompressionBombError, Image.DecompressionBombWarning)
_BROKEN = (
    OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, ArithmeticError, struct.error, zlib.error,
)  # fmt: skip
"""What a picture that lies about itself makes the library raise."""

_CAMERA_TIME = re.compile(r"(\d{4}):(\d\d):(\d\d) (\d\d:\d\d:\d\d)")
_OFFSET = re.compile(r"[+-]\d\d:\d\d")
_DISTANT_BRANDS = {b"hei": "HEIC", b"hev": "HEIC", b"mif": "HEIC", b"msf": "HEIC", b"avi": "AVIF"}
_WANTED = "must be a JPEG, PNG or WebP picture"


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One developed picture: what it is, what its own file tells of time and place, and its two sealed forms.

    `width` and `height` are the original's as it is seen, the SHA-256 is that of the original bytes.
    """

    media_type: str
    size: int
    width: int
    height: int
    sha256: str
    perceptual_hash: str
    taken_at: datetime | None
    place: Place | None
    sealed_copy: bytes
    sealed_original: bytes


class Darkroom:
    """Where pictures are developed and opened, at most `AT_ONCE` at a time, in threads of its own."""

    def __init__(self, vault: Vault, zone: ZoneInfo) -> None:
        self._vault = vault
        self._zone = zone
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="darkroom")

    async def develop(self, content: bytes) -> Picture:
        """The picture that the bytes are; a camera's time without an offset is the city's.

        Raises: InvalidInput for `file`, for whatever is not one whole picture of a bearable size.
        """
        return await self._run(develop, content, self._vault, self._zone)

    async def open(self, sealed: bytes, purpose: str) -> bytes:
        """The bytes of a sealed copy or original."""
        return await self._run(self._vault.open, sealed, purpose)

    async def _run(self, work: Callable[[*Given], Made], *arguments: *Given) -> Made:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)


def develop(content: bytes, vault: Vault, zone: ZoneInfo) -> Picture:
    """As `Darkroom.develop`, at once."""
    image = _open(content)
    size, media_type = image.size, _TYPES[image.format or ""]
    _load(image)
    exif = _exif(image)
    orientation = exif.get("orientation")
    copy = _turned(_flat(_shrunk(image)), orientation)
    width, height = reversed(size) if orientation in _TURNS and orientation >= _SIDEWAYS else size
    return Picture(
        media_type=media_type,
        size=len(content),
        width=width,
        height=height,
        sha256=hashlib.sha256(content).hexdigest(),
        perceptual_hash=perceptual_hash(copy),
        taken_at=_taken_at(exif, zone),
        place=_place(exif),
        sealed_copy=vault.seal(_as_jpeg(copy), COPY),
        sealed_original=vault.seal(content, ORIGINAL),
    )


def perceptual_hash(image: Image.Image) -> str:
    """64 bits as 16 hexadecimal digits: whether the picture grows brighter from each of 9 x 8 fields to the next.

    Saving, scaling and mild retouching change few of them. Source: Krawetz, "Kind of Like That" (dHash), 2013.
    """
    fields = image.convert("L").resize((9, 8), Image.Resampling.BOX).tobytes()
    bits = 0
    for row in range(8):
        for column in range(8):
            bits = bits << 1 | (fields[row * 9 + column] < fields[row * 9 + column + 1])
    return f"{bits:016x}"


def _open(content: bytes) -> Image.Image:
    """The picture with its header read; nothing is decompressed yet."""
    try:
        image = Image.open(BytesIO(content), formats=_FORMATS)
    except _BOMBS as error:
        raise _too_many_pixels() from error
    except UnidentifiedImageError as error:
        raise InvalidInput("file", _WANTED + _kind_of(content)) from error
    except _BROKEN as error:
        raise InvalidInput("file", "is a broken picture") from error
    if image.width * image.height > MOST_PIXELS:
        raise _too_many_pixels()
    if min(image.size) < SHORTEST_SIDE:
        raise InvalidInput("file", f"must be at least {SHORTEST_SIDE} pixels wide and high")
    if image.mode not in _MODES or image.format not in _TYPES:
        raise InvalidInput("file", f"{_WANTED} of 8 bits a colour")
    if image.format != "MPO" and getattr(image, "is_animated", False):
        raise InvalidInput("file", "must be one picture and not a moving one")
    return image


def _load(image: Image.Image) -> None:
    """Decompresses it all, a JPEG no larger than is needed."""
    try:
        image.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))
        image.load()
    except _BOMBS as error:
        raise _too_many_pixels() from error
    except _BROKEN as error:
        raise InvalidInput("file", "is a picture that breaks off or is corrupt") from error


def _too_many_pixels() -> InvalidInput:
    return InvalidInput("file", f"must have at most {MOST_PIXELS} pixels")


def _kind_of(content: bytes) -> str:
    """What a stranger to us probably is, for the message."""
    if content[4:8] == b"ftyp":
        name = _DISTANT_BRANDS.get(content[8:11])
        return f"; {name} is not read, let the camera save JPEG" if name else "; this is a film"
    return "; GIF is not read" if content[:4] == b"GIF8" else ""


def _shrunk(image: Image.Image) -> Image.Image:
    image = image.convert("RGBA") if image.mode in _INDEXED else image
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
    return image


def _flat(image: Image.Image) -> Image.Image:
    """On white ground, and without anything that the file said beside its pixels."""
    ground = Image.new("RGB", image.size, "white")
    if image.mode in ("RGBA", "LA") or "transparency" in image.info:
        clear = image.convert("RGBA")
        ground.paste(clear, mask=clear.getchannel("A"))
    else:
        ground.paste(image.convert("RGB"))
    return ground


def _turned(image: Image.Image, orientation: object) -> Image.Image:
    turn = _TURNS.get(orientation) if isinstance(orientation, int) else None
    return image if turn is None else image.transpose(turn)


def _as_jpeg(image: Image.Image) -> bytes:
    out = BytesIO()
    image.save(out, "JPEG", quality=_QUALITY)
    return out.getvalue()


def _exif(image: Image.Image) -> Mapping[str, Any]:
    """What the camera wrote, as far as it can be read; what cannot be read was not written."""
    try:
        exif = image.getexif()
        camera, gps = exif.get_ifd(ExifTags.IFD.Exif), exif.get_ifd(ExifTags.IFD.GPSInfo)
        return {
            "orientation": exif.get(ExifTags.Base.Orientation),
            "time": camera.get(ExifTags.Base.DateTimeOriginal),
            "offset": camera.get(ExifTags.Base.OffsetTimeOriginal),
            "lat": _degrees(gps, ExifTags.GPS.GPSLatitude, ExifTags.GPS.GPSLatitudeRef, "S"),
            "lng": _degrees(gps, ExifTags.GPS.GPSLongitude, ExifTags.GPS.GPSLongitudeRef, "W"),
        }
    except _BROKEN:
        return {}


def _degrees(gps: Mapping[int, Any], value: int, reference: int, negative: str) -> float | None:
    try:
        degrees, minutes, seconds = (float(part) for part in gps[value])
    except _BROKEN:
        return None
    found = degrees + minutes / 60 + seconds / 3600
    return -found if str(gps.get(reference, "")).strip("\0 ").upper() == negative else found


def _place(exif: Mapping[str, Any]) -> Place | None:
    """Where it was taken; 0, 0 is what cameras write that do not know."""
    lat, lng = exif.get("lat"), exif.get("lng")
    if lat is None or lng is None or not (isfinite(lat) and isfinite(lng)):
        return None
    is_on_earth = abs(lat) <= 90 and abs(lng) <= 180 and (lat, lng) != (0, 0)
    return Place(round(lat, 6), round(lng, 6)) if is_on_earth else None


def _taken_at(exif: Mapping[str, Any], zone: ZoneInfo) -> datetime | None:
    match = _CAMERA_TIME.match(str(exif.get("time", "")))
    if match is None:
        return None
    offset = _OFFSET.match(str(exif.get("offset", "")))
    try:
        taken_at = datetime.fromisoformat(f"{match[1]}-{match[2]}-{match[3]}T{match[4]}{offset[0] if offset else ''}")
        return (taken_at if taken_at.tzinfo else taken_at.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
