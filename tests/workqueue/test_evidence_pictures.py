"""The darkroom: what is a picture and what is not, what is read of it, and what nobody else gets to see."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from io import BytesIO
from random import Random
from zoneinfo import ZoneInfo

import pytest
from PIL import Image

from app.complaint.errors import InvalidInput
from app.complaint.evidence import ALIKE, Place, difference
from app.vault import CannotOpen
from app.workqueue.evidence_pictures import COPY, LONGEST_SIDE, ORIGINAL, Darkroom, Picture, develop
from tests.workqueue.desk import VAULT
from tests.workqueue.pictures import SIZE, moving, photo, png_of, saved_again, scene

WIB = ZoneInfo("Asia/Jakarta")
BLACK, WHITE = (0, 0, 0), (255, 255, 255)


def made(content: bytes) -> Picture:
    return develop(content, VAULT, WIB)


def copy_of(picture: Picture) -> Image.Image:
    return Image.open(BytesIO(VAULT.open(picture.sealed_copy, COPY)))


@pytest.mark.parametrize(("kind", "media_type"), [("JPEG", "image/jpeg"), ("PNG", "image/png"), ("WEBP", "image/webp")])
def test_time_and_place_are_read_whatever_the_format(kind: str, media_type: str) -> None:
    picture = made(photo(kind=kind, time="2026:01:12 11:00:00", place=(-6.2, 106.8)))
    assert (picture.media_type, picture.width, picture.height) == (media_type, *SIZE)
    assert picture.taken_at == datetime(2026, 1, 12, 4, tzinfo=UTC)
    assert picture.place == Place(-6.2, 106.8)


def test_an_offset_of_the_camera_goes_before_the_citys_zone() -> None:
    assert made(photo(time="2026:01:12 11:00:00", offset="+09:00")).taken_at == datetime(2026, 1, 12, 2, tzinfo=UTC)


@pytest.mark.parametrize("time", ["0000:00:00 00:00:00", "2026:13:12 11:00:00", "    ", "0001:01:01 00:00:00"])
def test_a_camera_that_does_not_know_the_time_says_nothing(time: str) -> None:
    assert made(photo(time=time)).taken_at is None


def test_a_camera_that_does_not_know_the_place_says_nothing() -> None:
    assert made(photo(place=(0.0, 0.0))).place is None
    assert made(photo(place=(95.0, 106.8))).place is None


def test_the_copy_holds_nothing_that_the_file_said_beside_its_pixels() -> None:
    content = photo(time="2026:01:12 11:00:00", place=(-6.2, 106.8), comment=b"rumah saya", icc_profile=b"profil")
    assert b"rumah saya" in content
    picture = made(content)
    copy = VAULT.open(picture.sealed_copy, COPY)
    assert not any(word in copy for word in (b"rumah", b"Exif", b"2026:01", b"profil", b"ICC"))
    assert VAULT.open(picture.sealed_original, ORIGINAL) == content
    with pytest.raises(CannotOpen):
        VAULT.open(picture.sealed_original, COPY)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_copy_is_upright(orientation: int) -> None:
    back = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}[orientation]
    turns = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}
    upright = Image.new("RGB", SIZE, WHITE)
    upright.paste(BLACK, (0, 0, SIZE[0] // 2, SIZE[1] // 2))
    lying = upright if back == 1 else upright.transpose(Image.Transpose(turns[back]))
    picture = made(photo(image=lying, orientation=orientation))
    copy = copy_of(picture)
    assert (copy.size, picture.width, picture.height) == (SIZE, *SIZE)
    assert copy.convert("L").getpixel((50, 50)) < 60 < 200 < copy.convert("L").getpixel((SIZE[0] - 50, 50))
    assert copy.convert("L").getpixel((50, SIZE[1] - 50)) > 200


def test_a_large_picture_becomes_a_bearable_copy() -> None:
    picture = made(photo(image=scene(size=(4_000, 3_000))))
    assert copy_of(picture).size == (LONGEST_SIDE, 1_920)
    assert (picture.width, picture.height) == (4_000, 3_000)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK"])
def test_every_ordinary_kind_of_colour_is_taken(mode: str) -> None:
    picture = made(photo(image=scene().convert(mode), kind="JPEG" if mode == "CMYK" else "PNG"))
    assert copy_of(picture).mode == "RGB"


def test_what_is_clear_becomes_white_and_shows_nothing_that_lay_hidden() -> None:
    clear = Image.new("RGBA", SIZE, (200, 0, 0, 0))
    assert copy_of(made(photo(image=clear, kind="PNG"))).getpixel((9, 9)) == WHITE


def test_saving_anew_leaves_the_hash_and_another_picture_has_another() -> None:
    first = made(photo(1)).perceptual_hash
    for quality, scale in ((60, 0.7), (25, 0.4), (90, 1.3)):
        again = made(saved_again(photo(1), quality=quality, scale=scale)).perceptual_hash
        assert difference(first, again) <= ALIKE
    assert min(difference(first, made(photo(seed)).perceptual_hash) for seed in range(2, 12)) > ALIKE


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "must be a JPEG, PNG or WebP picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "must be a JPEG"),
        (b"GIF89a" + bytes(50), "GIF is not read"),
        (b"\0\0\0\x18ftypheic" + bytes(50), "HEIC is not read"),
        (b"\0\0\0\x18ftypmp42" + bytes(50), "film"),
        (png_of(60_000, 60_000), "at most 67108864 pixels"),
        (png_of(9_000, 9_000), "at most 67108864 pixels"),
        (png_of(10_000, 9_500), "at most 67108864 pixels"),
        (png_of(200, 200), "breaks off or is corrupt"),
        (photo()[:4_000], "breaks off or is corrupt"),
        (photo(image=scene(size=(63, 200))), "at least 64 pixels"),
        (moving(), "not a moving one"),
        (photo(image=Image.new("I;16", SIZE), kind="PNG"), "8 bits a colour"),
    ],
)
def test_what_is_no_whole_picture_is_refused_with_its_reason(content: bytes, words: str) -> None:
    with pytest.raises(InvalidInput, match=words) as refused:
        made(content)
    assert refused.value.field == "file"


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_damaged_pictures_are_developed_or_refused_and_nothing_else() -> None:
    chance = Random(20_260_112)
    size = (96, 80)
    wholes = [photo(image=scene(size=size), kind=kind, time="2026:01:12 11:00:00") for kind in ("JPEG", "PNG", "WEBP")]
    refused = 0
    for _ in range(600):
        damaged = bytearray(chance.choice(wholes))
        for _ in range(chance.randrange(1, 12)):
            damaged[chance.randrange(min(len(damaged), 600))] = chance.randrange(256)
        try:
            made(bytes(damaged))
        except InvalidInput:
            refused += 1
    assert 0 < refused < 600


async def test_the_darkroom_works_beside_the_event_loop() -> None:
    room = Darkroom(VAULT, WIB)
    pictures = await asyncio.gather(*(room.develop(photo(seed)) for seed in range(4)))
    assert len({picture.sha256 for picture in pictures}) == 4
    assert await room.open(pictures[2].sealed_original, ORIGINAL) == photo(2)
