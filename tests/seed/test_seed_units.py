"""Jakarta's units and the labels that sources write for them."""

from __future__ import annotations

from collections import Counter

import pytest

from app.complaint.words import fold_label
from app.seed import jakarta
from app.seed.jakarta import UnitSeed, aliases, ancestors, units, village_aliases, villages

BY_CODE = {unit.code: unit for unit in units()}


def test_every_area_of_the_province_is_a_unit() -> None:
    counted = Counter(unit.type for unit in units())
    areas = {"province": 1, "kota": 5, "kabupaten": 1, "kecamatan": 44, "kelurahan": 267}
    assert {level: counted[level] for level in areas} == areas


def test_villages_are_shared_out_among_the_cities_as_the_census_says() -> None:
    per_city = Counter(village.code[:5] for village in villages())
    assert per_city == {"31.71": 44, "31.72": 31, "31.73": 56, "31.74": 65, "31.75": 65, "31.01": 6}


def test_the_whole_tree_hangs_from_the_province() -> None:
    assert [unit.code for unit in units() if unit.parent is None] == ["31"]
    assert all("31" in above for above in ancestors().values())


def test_parents_come_before_their_children() -> None:
    place = {unit.code: index for index, unit in enumerate(units())}
    assert all(place[parent] < place[unit.code] for unit in units() for parent in unit.parents)


@pytest.mark.parametrize(
    ("code", "parent", "second_parent"),
    [
        ("sudin-bina-marga-jakarta-pusat", "dinas-bina-marga", "31.71"),
        ("sudin-dukcapil-kepulauan-seribu", "dinas-dukcapil", "31.01"),
        ("sudin-pendidikan-2-jakarta-timur", "dinas-pendidikan", "31.75"),
        ("suban-kesbangpol-jakarta-barat", "badan-kesbangpol", "31.73"),
        ("satpol-pp-jakarta-utara", "satpol-pp", "31.72"),
        ("up-pmptsp-jakarta-pusat", "dinas-pmptsp", "31.71"),
        ("up-pmptsp-31.71.07", "up-pmptsp-jakarta-pusat", "31.71.07"),
        ("puskesmas-31.73.01", "sudin-kesehatan-jakarta-barat", "31.73.01"),
        ("bumd-pasar-jaya", "badan-pembinaan-bumd", None),
        ("31.75.07.1003", "31.75.07", None),
    ],
)
def test_a_branch_has_a_functional_and_a_territorial_parent(code: str, parent: str, second_parent: str | None) -> None:
    assert (BY_CODE[code].parent, BY_CODE[code].second_parent) == (parent, second_parent)


def test_a_branch_counts_below_its_agency_and_below_its_city_by_the_shortest_way() -> None:
    assert ancestors()["puskesmas-31.73.01"] == {
        "puskesmas-31.73.01": 0,
        "sudin-kesehatan-jakarta-barat": 1,
        "31.73.01": 1,
        "dinas-kesehatan": 2,
        "31.73": 2,
        "31": 3,
    }


def test_one_unit_validates() -> None:
    assert [unit.code for unit in units() if unit.is_validator] == ["biro-pemerintahan"]


@pytest.mark.parametrize(
    ("label", "code"),
    [
        ("DINAS BINA MARGA", "dinas-bina-marga"),
        ("DINAS KEPENDUDUKAN DAN PENCATATAN SIPIL", "dinas-dukcapil"),
        ("SATUAN POLISI PAMONG PRAJA", "satpol-pp"),
        ("BADAN PENDAPATAN DAERAH", "badan-pendapatan"),
        ("SUKU BADAN KESATUAN BANGSA DAN POLITIK", "badan-kesbangpol"),
        ("UNIT PENGELOLA PERPARKIRAN", "up-perparkiran"),
        ("UNIT PENGELOLA SISTEM PENGENDALIAN LALU LINTAS", "up-spll"),
        ("UNIT PERALATAN DAN PERBEKALAN BINA MARGA", "up-alkal-bina-marga"),
        ("PUSAT KESEHATAN MASYARAKAT KECAMATAN CENGKARENG", "puskesmas-31.73.01"),
        ("BADAN PEMBINAAN BUMD", "badan-pembinaan-bumd"),
        ("PD PASAR JAYA", "bumd-pasar-jaya"),
        ("PD AM JAYA", "bumd-pam-jaya"),
        ("PT TRANSPORTASI", "bumd-transjakarta"),
        ("KELURAHAN KLENDER", "31.75.07.1003"),
        ("Kelurahan Petamburan", "31.71.07.1004"),
        ("KELURAHAN SETIA BUDI", "31.74.02.1001"),
        ("KECAMATAN SETIABUDI", "31.74.02"),
        ("GROGOLPETAMBURAN", "31.73.02"),
        ("KOTA ADMINISTRASI JAKARTA PUSAT", "31.71"),
        ("Suku Dinas Bina Marga Kota Administrasi Jakarta Pusat", "sudin-bina-marga-jakarta-pusat"),
        ("SUDIN BINA MARGA JAKARTA PUSAT", "sudin-bina-marga-jakarta-pusat"),
        ("Sudin Dukcapil Jakpus", "sudin-dukcapil-jakarta-pusat"),
        ("Dinas Perhubungan Provinsi DKI Jakarta", "dinas-perhubungan"),
        ("Suku Dinas Perhubungan", "dinas-perhubungan"),
        ("Rumah Sakit Umum Daerah Tarakan", "rsud-tarakan"),
        ("UP PMPTSP Kecamatan Senen", "up-pmptsp-31.71.04"),
    ],
)
def test_a_source_label_means_its_unit(label: str, code: str) -> None:
    assert aliases()[fold_label(label)] == code


def test_every_unit_is_known_by_its_own_name() -> None:
    assert all(aliases()[fold_label(unit.name)] == unit.code for unit in units())


def test_a_bare_name_of_a_kecamatan_and_a_kelurahan_means_neither_unit() -> None:
    districts = {fold_label(unit.name.removeprefix("Kecamatan ")) for unit in units() if unit.type == "kecamatan"}
    shared = districts & {fold_label(village.name) for village in villages()}
    assert len(shared) == 27
    assert not shared & aliases().keys()
    assert {"gambir", "senen", "jatinegara"} <= shared <= village_aliases().keys()


def test_every_village_is_found_bare_and_after_its_level() -> None:
    for village in villages():
        spellings = (village.name, village.name.upper(), f"KELURAHAN {village.name}", village.name.replace(" ", ""))
        assert {village_aliases()[fold_label(spelling)] for spelling in spellings} == {village.code}


def test_a_label_that_means_two_units_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'Satpol-PP' means both a and b"):
        jakarta._by_label([("a", ["Satpol PP"]), ("b", ["Satpol-PP"])])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([UnitSeed("a", "A", "dinas", "b"), UnitSeed("b", "B", "dinas", "a")], r"form a circle: \['a', 'b'\]"),
        ([UnitSeed("a", "A", "dinas", "nowhere")], r"missing or form a circle: \['a'\]"),
        ([UnitSeed("a", "A", "dinas", None), UnitSeed("a", "B", "dinas", None)], r"come twice: \['a'\]"),
    ],
)
def test_a_broken_tree_is_refused(given: list[UnitSeed], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        jakarta._parents_first(given)
