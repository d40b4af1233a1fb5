"""The sentences about signals and outlooks of units, in Indonesian and English; both have the same names."""

from __future__ import annotations

from collections.abc import Mapping

from app.sla.speech import Speech
from app.units.opening import Hours
from app.units.pace import PACE_DAYS, Pace

SIGNALS: Mapping[str, Mapping[str, str]] = {
    "id": {
        "pause_before_due": (
            "{count} dari {of} jeda dimulai saat paling banyak sepersepuluh waktu tersisa sebelum tenggat ({share}%)."
        ),
        "closed_and_reopened": "{count} dari {of} aduan yang ditutup dibuka kembali dalam 7 hari ({share}%).",
        "ping_pong": "{count} dari {of} pengalihan mengembalikan aduan ke unit asalnya ({share}%).",
        "month_end": "{count} dari {of} penyelesaian jatuh pada dua hari terakhir bulan ({share}%).",
        "evidence_refused": "{count} dari {of} foto hasil kerja ditolak sebagai bukti ({share}%).",
        "evidence_doubtful": "{count} dari {of} foto hasil kerja diragukan dan belum diterima ({share}%).",
        "recorded_late": (
            "{count} dari {of} tanggapan atau penyelesaian tepat waktu baru tercatat lebih dari 1 jam setelah "
            "tenggat ({share}%)."
        ),
        "source_stale": "{count} dari {of} sumber data tertinggal: {sources}. Angka bisa lebih rendah dari sebenarnya.",
        "nothing": "Tidak ada kasus dari {of} yang diperiksa.",
        "all_fresh": "Semua {of} sumber data mutakhir.",
    },
    "en": {
        "pause_before_due": "{count} of {of} pauses began with at most a tenth of the time left before due ({share}%).",
        "closed_and_reopened": "{count} of {of} closed complaints were opened again within 7 days ({share}%).",
        "ping_pong": "{count} of {of} hand-overs sent the complaint back to where it came from ({share}%).",
        "month_end": "{count} of {of} results were delivered on the last two days of a month ({share}%).",
        "evidence_refused": "{count} of {of} pictures of the work were refused as evidence ({share}%).",
        "evidence_doubtful": "{count} of {of} pictures of the work are in doubt and not accepted yet ({share}%).",
        "recorded_late": (
            "{count} of {of} answers and results in time were recorded only more than 1 hour after the due time "
            "({share}%)."
        ),
        "source_stale": "{count} of {of} sources are behind: {sources}. Figures may be lower than they truly are.",
        "nothing": "No case among the {of} that were looked at.",
        "all_fresh": "All {of} sources are up to date.",
    },
}

OUTLOOKS: Mapping[str, Mapping[str, str]] = {
    "id": {
        "always_open": "Unit ini bekerja 24 jam: tidak ada jam tutup yang dapat melampaui tenggat.",
        "never_opens": "Kalender unit ini tidak punya jam kerja dalam setahun ke depan.",
        "no_risk": "Tidak ada aduan yang akan lewat tenggat sebelum unit buka lagi pada {opens}.",
        "risk": (
            "{count} aduan akan lewat tenggat sebelum unit buka lagi pada {opens}: {while_open} masih pada jam kerja, "
            "{while_closed} saat unit tutup."
        ),
        "done": "Tidak ada tunggakan.",
        "clears": (
            "Dengan laju {days} hari terakhir ({resolved} selesai, {received} masuk) tunggakan {backlog} aduan habis "
            "dalam {days_to_clear} hari kerja."
        ),
        "grows": (
            "Dengan laju {days} hari terakhir ({resolved} selesai, {received} masuk) tunggakan {backlog} aduan tidak "
            "akan habis dan terus bertambah."
        ),
        "stands": (
            "Dengan laju {days} hari terakhir ({resolved} selesai, {received} masuk) tunggakan {backlog} aduan tidak "
            "berkurang."
        ),
        "unknown": "Belum ada laju dalam {days} hari terakhir untuk memperkirakan tunggakan {backlog} aduan.",
    },
    "en": {
        "always_open": "This unit works around the clock: there are no closed hours for a due time to fall into.",
        "never_opens": "The calendar of this unit has no working hours within a year.",
        "no_risk": "No complaint will pass its due time before the unit opens again at {opens}.",
        "risk": (
            "Complaints that will pass their due time before the unit opens again at {opens}: {count}, of these "
            "{while_open} in working hours still and {while_closed} while it is closed."
        ),
        "done": "There is no backlog.",
        "clears": (
            "At the pace of the last {days} days ({resolved} done, {received} received) the backlog of {backlog} "
            "is cleared in {days_to_clear} working days."
        ),
        "grows": (
            "At the pace of the last {days} days ({resolved} done, {received} received) the backlog of {backlog} "
            "is never cleared and keeps growing."
        ),
        "stands": (
            "At the pace of the last {days} days ({resolved} done, {received} received) the backlog of {backlog} "
            "does not shrink."
        ),
        "unknown": "There is no pace in the last {days} days by which to judge the backlog of {backlog}.",
    },
}


def say_signal(language: str, name: str, *, count: int, of: int, share: float | None, sources: str) -> str:
    """What a signal found, as a sentence."""
    words = SIGNALS[language]
    if not count:
        return words["all_fresh" if name == "source_stale" else "nothing"].format(of=of)
    told = f"{share or 0:g}".replace(".", "," if language == "id" else ".")
    return words[name].format(count=count, of=of, share=told, sources=sources)


def say_risks(speech: Speech, hours: Hours, *, while_open: int, while_closed: int) -> str:
    """What will be overdue before a unit opens next, as a sentence."""
    words = OUTLOOKS[speech.language]
    if hours.never_closes:
        return words["always_open"]
    if hours.opens_at is None:
        return words["never_opens"]
    count = while_open + while_closed
    told = words["risk" if count else "no_risk"]
    opens = speech.instant(hours.opens_at)
    return told.format(count=count, opens=opens, while_open=while_open, while_closed=while_closed)


def say_pace(speech: Speech, pace: Pace) -> str:
    """What becomes of a backlog, as a sentence."""
    return OUTLOOKS[speech.language][pace.verdict].format(
        days=PACE_DAYS,
        resolved=pace.done,
        received=pace.received,
        backlog=pace.backlog,
        days_to_clear=pace.days_to_clear,
    )
