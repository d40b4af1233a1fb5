"""Every connector keeps the contract of the kit, whatever system is behind it."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import connectors
from app.outbound import dial, outbound_client
from connectors.contract import Client, Detailing, Rereading
from connectors.fetch import Fetcher
from connectors.registry import CONNECTORS
from tests.connectors.imap_server import Mailbox, serving_imap
from tests.connectors.kit import City, Contract, HttpContract, Record, Stand
from tests.connectors.servers import Answer, Request, json_answer

ROOT = Path(connectors.__file__).parent
USER = "pengaduan@kota.example"


def code(record: Record) -> str | None:
    return None if record.number is None else f"JK{record.reported_at:%y%m%d}{record.number:04}"


class TestCrm(HttpContract):
    kind = "crm"

    def shape(self, record: Record) -> dict[str, Any]:
        at = record.reported_at.astimezone(UTC)
        return {
            "id": record.number,
            "code": code(record),
            "tstatus": {"name": record.status},
            "createdAt": f"{at:%Y-%m-%dT%H:%M:%S}.000Z",
        }

    def answer(self, request: Request, records: list[dict[str, Any]]) -> Answer:
        return json_answer([one for one in records if one["createdAt"].startswith(request.query["dateStart"])])


class TestJaki(HttpContract):
    kind = "jaki"

    def shape(self, record: Record) -> dict[str, Any]:
        at = record.reported_at.isoformat()
        return {
            "id": code(record),
            "status": record.status,
            "created_at": at,
            "updated_at": at,
            "privacy": "public",
            "timeline": [{"status": record.status, "at": at, "by": "DINAS BINA MARGA"}],
        }

    def answer(self, request: Request, records: list[dict[str, Any]]) -> Answer:
        start = int(request.query.get("cursor", 0))
        following = str(start + 3) if start + 3 < len(records) else None
        return json_answer({"data": records[start : start + 3], "next_cursor": following})


class TestOpen311(HttpContract):
    kind = "open311"
    options = {"window_days": "2"}  # noqa: RUF012

    def shape(self, record: Record) -> dict[str, Any]:
        return {
            "service_request_id": record.number,
            "status": record.status,
            "service_code": "015",
            "requested_datetime": record.reported_at.isoformat(),
            "status_notes": "Sudah diteruskan",
            "updated_datetime": record.reported_at.isoformat(),
        }

    def answer(self, request: Request, records: list[dict[str, Any]]) -> Answer:
        if request.path.startswith("/services"):
            return self.written([{"service_code": "015", "service_name": "Air"}], "services", "service")
        start, end = (datetime.fromisoformat(request.query[name]) for name in ("start_date", "end_date"))
        fitting = [one for one in records if start <= datetime.fromisoformat(one["requested_datetime"]) <= end]
        first = 3 * (int(request.query.get("page", 1)) - 1)
        return self.written(fitting[first : first + 3], "service_requests", "request")

    def written(self, items: list[dict[str, Any]], root: str, name: str) -> Answer:
        return json_answer(items)


class TestOpen311InXml(TestOpen311):
    options = {"window_days": "2", "format": "xml"}  # noqa: RUF012

    def written(self, items: list[dict[str, Any]], root: str, name: str) -> Answer:
        fields = ("".join(f"<{key}>{self.text(value)}</{key}>" for key, value in item.items()) for item in items)
        body = f"<{root}>{''.join(f'<{name}>{inner}</{name}>' for inner in fields)}</{root}>"
        return Answer(200, body.encode(), {"content-type": "text/xml; charset=utf-8"})

    def text(self, value: object) -> str:
        return "<a>1</a>" if isinstance(value, dict) else "" if value is None else str(value)


class OfAFile(Contract):
    header: str
    options_of_file: dict[str, str]

    def row(self, record: Record) -> str:
        raise NotImplementedError

    @contextlib.asynccontextmanager
    async def stand(self, city: City, client: Client, folder: Path) -> AsyncIterator[Stand]:
        file = folder / "kota.csv"
        file.write_text("\n".join([self.header, *map(self.row, city.told())]) + "\n")
        yield Stand(CONNECTORS[self.kind].build(url=str(file), token=None, options=self.options_of_file), client)


class TestSpreadsheet(OfAFile):
    kind = "spreadsheet"
    header = "case_enquiry_id,open_dt,case_status,type"
    options_of_file = {"profile": "boston311", "timezone": "Asia/Jakarta"}  # noqa: RUF012

    def row(self, record: Record) -> str:
        return f"{record.number or ''},{record.reported_at:%Y-%m-%d %H:%M:%S},{record.status},Sampah"


class TestLapor(OfAFile):
    kind = "lapor"
    header = "tracking_id;tanggal_masuk;dinas_tujuan;kategori;status;isi_laporan_awal;;"
    options_of_file: dict[str, str] = {}  # noqa: RUF012

    def row(self, record: Record) -> str:
        number = "" if record.number is None else f"#{record.number}"
        return f"{number};{record.reported_at:%d/%m/%Y %H:%M};DINAS X;Sampah;{record.status};lanjutan JK2611200007;;"


class TestMailbox(Contract):
    kind = "mailbox"
    tells_status = False

    @contextlib.asynccontextmanager
    async def stand(self, city: City, client: Client, folder: Path) -> AsyncIterator[Stand]:
        mailbox = Mailbox()
        for record in city.records:
            mailbox.add(self.letter(record), record.reported_at)
        if city.is_changed:
            last = city.records[-1]
            mailbox.add(f"In-Reply-To: <{last.number}@x.example>\nSubject: Re: Lampu\n\nMasih mati", last.reported_at)
        async with serving_imap(mailbox) as place, outbound_client() as http:
            guarded = partial(dial, allowed_hosts=["127.0.0.1"], context=place.trusted)
            connector = CONNECTORS[self.kind].build(url=place.url, token=mailbox.password, options={"user": USER})
            yield Stand(connector, Fetcher(http, rate=1000, dial=guarded))

    def letter(self, record: Record) -> str:
        if record.number is None:
            return "From: mailer-daemon@x.example\nAuto-Submitted: auto-replied\nSubject: Gagal\n\nTidak sampai\n"
        who = f"From: Warga {record.number} <warga@x.example>\nMessage-ID: <{record.number}@x.example>"
        return f"{who}\nSubject: Lampu\n\nLampu mati {record.number}\n"


@pytest.mark.parametrize("kind", CONNECTORS)
def test_every_kind_keeps_the_contract_in_some_test(kind):
    named = rf'^    kind = "{kind}"$'
    assert any(re.search(named, file.read_text(), re.MULTILINE) for file in Path(__file__).parent.glob("test_*.py"))


@pytest.mark.parametrize("kind", CONNECTORS)
def test_every_kind_has_a_page_and_records_to_look_at(kind):
    assert (ROOT / kind / "README.md").read_text().startswith(f"# {kind}\n")
    assert any((ROOT / kind / "payloads").iterdir())


def test_every_kind_reads_a_record_by_itself():
    given = {
        "mailbox": {"url": "imaps://x.example", "token": "x", "options": {"user": "a"}},
        "spreadsheet": {"url": "a.csv", "token": None, "options": {"profile": "boston311"}},
    }
    plain = {"url": "https://x.example", "token": None, "options": {}}
    for name, kind in CONNECTORS.items():
        url = {"url": "a.csv"} if name == "lapor" else {}
        assert isinstance(kind.build(**{**given.get(name, plain), **url}), Rereading)


def test_crm_and_jaki_say_whose_word_wins():
    crm, jaki = (CONNECTORS[name].build(url="https://x.example", token=None, options={}) for name in ("crm", "jaki"))
    assert jaki.precedence.content > crm.precedence.content
    assert crm.precedence.handling > jaki.precedence.handling
    assert (crm.carries_ticket_codes, jaki.carries_ticket_codes) == (True, True)
    assert isinstance(crm, Detailing)
    assert not isinstance(jaki, Detailing)
