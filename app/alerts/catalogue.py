"""The words of alerts, in Indonesian and English."""

from __future__ import annotations

from collections.abc import Mapping

LANGUAGES = ("id", "en")

TEXTS: Mapping[str, Mapping[str, str]] = {
    "id": {
        "notice": "{percent}% waktu terpakai: {code}, {clock}, {unit}. Tenggat {due}.",
        "warning": "Segera jatuh tempo ({percent}% waktu terpakai): {code}, {clock}, {unit}. Tenggat {due}.",
        "breach": "Lewat tenggat: {code}, {clock}, {unit}. Tenggat {due}, terlambat {late}.",
        "repeat": "Masih lewat tenggat (pengingat ke-{nth}): {code}, {clock}, {unit}. Tenggat {due}, terlambat {late}.",
        "unrouted": "belum ada unit",
        "moment": "kurang dari satu menit",
        "test": "Uji coba webhook Tanggap: tanda tangan dan alamat ini berfungsi.",
        "date": "d MMM yyyy HH.mm",
    },
    "en": {
        "notice": "{percent}% of the time is used: {code}, {clock}, {unit}. Due {due}.",
        "warning": "Due soon ({percent}% of the time is used): {code}, {clock}, {unit}. Due {due}.",
        "breach": "Overdue: {code}, {clock}, {unit}. Due {due}, late by {late}.",
        "repeat": "Still overdue (reminder {nth}): {code}, {clock}, {unit}. Due {due}, late by {late}.",
        "unrouted": "no unit yet",
        "moment": "less than a minute",
        "test": "Test of a Tanggap webhook: this signature and address work.",
        "date": "d MMM yyyy HH:mm",
    },
}

LETTERS: Mapping[str, Mapping[str, str]] = {
    "id": {
        "notice_subject": "[Tanggap] Waktu berjalan: {code}, {clock}",
        "warning_subject": "[Tanggap] Segera jatuh tempo: {code}, {clock}",
        "breach_subject": "[Tanggap] Lewat tenggat: {code}, {clock}",
        "repeat_subject": "[Tanggap] Masih lewat tenggat: {code}, {clock}",
        "correction_subject": "[Tanggap] Koreksi: {code}, {clock}",
        "correction": (
            "Koreksi atas peringatan sebelumnya: {code}, {clock}, {unit}. Menurut catatan yang baru diterima, "
            "peringatan itu tidak berlaku lagi (tenggat {due}). Tidak ada yang perlu dilakukan."
        ),
        "digest_subject": "[Tanggap] {day}: {overdue} lewat tenggat, {today} jatuh tempo hari ini",
        "digest": "{day}: {overdue} hitungan lewat tenggat, {today} jatuh tempo hari ini.",
        "digest_late": "{code}, {clock}, {unit}. Tenggat {due}, terlambat {late}.",
        "digest_due": "{code}, {clock}, {unit}. Tenggat {due}.",
        "digest_more": "Dan {more} lagi di antrean.",
        "incident_subject": "[Tanggap] Perlu perhatian: {what}",
        "incident_again_subject": "[Tanggap] Masih perlu perhatian: {what}",
        "incident_again": "{what}, masih berlangsung sejak {since}.",
        "incident_over_subject": "[Tanggap] Pulih: {what}",
        "incident": "{what}, sejak {since}.",
        "incident_over": "Sudah pulih: {what} (sejak {since}).",
        "trial_subject": "[Tanggap] Uji coba pesan",
        "trial": "Ini uji coba, dikirim {at}: pesan Tanggap sampai di sini. Tidak ada yang perlu dilakukan.",
        "told_for": "Anda menerima ini sebagai pengganti petugas yang sedang cuti.",
        "told_instead": "Anda menerima ini karena tidak ada petugas yang dapat dihubungi di tingkat yang seharusnya.",
        "ending": "Pesan otomatis dari Tanggap. Mohon tidak membalas pesan ini.",
        "day": "EEEE, d MMMM yyyy",
    },
    "en": {
        "notice_subject": "[Tanggap] Time is running: {code}, {clock}",
        "warning_subject": "[Tanggap] Due soon: {code}, {clock}",
        "breach_subject": "[Tanggap] Overdue: {code}, {clock}",
        "repeat_subject": "[Tanggap] Still overdue: {code}, {clock}",
        "correction_subject": "[Tanggap] Correction: {code}, {clock}",
        "correction": (
            "Correction of an earlier alert: {code}, {clock}, {unit}. By a record that came later, that alert does not "
            "stand any more (due {due}). Nothing needs to be done."
        ),
        "digest_subject": "[Tanggap] {day}: {overdue} overdue, {today} due today",
        "digest": "{day}: {overdue} clocks overdue, {today} due today.",
        "digest_late": "{code}, {clock}, {unit}. Due {due}, late by {late}.",
        "digest_due": "{code}, {clock}, {unit}. Due {due}.",
        "digest_more": "And {more} more in the queue.",
        "incident_subject": "[Tanggap] Needs attention: {what}",
        "incident_again_subject": "[Tanggap] Still needs attention: {what}",
        "incident_again": "{what}, still so since {since}.",
        "incident_over_subject": "[Tanggap] Over: {what}",
        "incident": "{what}, since {since}.",
        "incident_over": "It is over: {what} (since {since}).",
        "trial_subject": "[Tanggap] Test message",
        "trial": "This is a test, sent {at}: messages of Tanggap arrive here. Nothing needs to be done.",
        "told_for": "You receive this in place of an officer who is on leave.",
        "told_instead": "You receive this because nobody can be reached at the level that should have received it.",
        "ending": "Sent by Tanggap. Please do not reply to this message.",
        "day": "EEEE, d MMMM yyyy",
    },
}

INCIDENTS: Mapping[str, Mapping[str, str]] = {
    "id": {
        "source_down": "sumber {source} tidak dapat dibaca",
        "source_down_advice": "Periksa dengan: tanggap doctor, dan tanggap source check NAMA.",
        "source_stale": "sumber {source} tertinggal dari jadwalnya",
        "source_stale_advice": "Periksa apakah pekerja (tanggap worker) berjalan, dan GET /api/v1/sources.",
        "source_notices": "data sumber {source} berubah atau tidak dikenal ({count} catatan terbuka)",
        "source_notices_advice": "Lihat: tanggap source notices NAMA.",
        "source_rejects": "sumber {source} mengirim banyak rekaman tak terbaca ({percent}% dari yang terakhir masuk)",
        "source_rejects_advice": "Lihat: tanggap source rejects NAMA.",
        "calendar": "kalender {calendar} belum memuat hari libur tahun {year}",
        "calendar_advice": "Tambahkan hari libur dari keputusan bersama, lalu ajukan: lihat docs/operations.md.",
        "disk": "ruang disk {path} di {host} hampir habis (tersisa {percent}%)",
        "disk_advice": "Kosongkan atau perbesar disk; basis data berhenti menulis jika penuh.",
        "dead_deliveries": "ada pesan peringatan yang tidak dapat disampaikan",
        "dead_deliveries_advice": "Lihat GET /api/v1/deliveries/dead; setelah diperbaiki: tanggap alerts replay.",
        "alerts_late": "peringatan terlambat dibuat (menunggu lebih dari {minutes} menit)",
        "alerts_late_advice": "Periksa beban pekerja (tanggap worker) dan basis data.",
        "webhook_off": "webhook {webhook} ({host}) dimatikan: penerimanya terus gagal atau menyatakan sudah tiada",
        "webhook_off_advice": "Perbaiki penerimanya, lalu POST /api/v1/webhooks/{id}/enable.",
        "no_worker": "tidak ada pekerja yang berjalan, padahal ada pekerjaan menunggu",
        "no_worker_advice": "Jalankan pekerja: tanggap worker. Sumber tidak ditarik dan peringatan tidak dibuat.",
        "other": "{key}",
    },
    "en": {
        "source_down": "source {source} cannot be read",
        "source_down_advice": "Look with: tanggap doctor, and tanggap source check NAME.",
        "source_stale": "source {source} is behind its schedule",
        "source_stale_advice": "See whether a worker (tanggap worker) is running, and GET /api/v1/sources.",
        "source_notices": "the records of source {source} changed or are unknown ({count} open notices)",
        "source_notices_advice": "See: tanggap source notices NAME.",
        "source_rejects": "source {source} sends many records that cannot be read ({percent}% of what came last)",
        "source_rejects_advice": "See: tanggap source rejects NAME.",
        "calendar": "calendar {calendar} does not have the holidays of {year} yet",
        "calendar_advice": "Add the days of the decree and propose them: see docs/operations.md.",
        "disk": "the disk of {path} on {host} is nearly full ({percent}% left)",
        "disk_advice": "Free or enlarge it; a database stops writing when it is full.",
        "dead_deliveries": "there are alert messages that could not be delivered",
        "dead_deliveries_advice": "See GET /api/v1/deliveries/dead; once mended: tanggap alerts replay.",
        "alerts_late": "alerts are raised late (waiting for more than {minutes} minutes)",
        "alerts_late_advice": "Look at the load of the workers (tanggap worker) and of the database.",
        "webhook_off": "webhook {webhook} ({host}) was switched off: its receiver kept failing or said that it is gone",
        "webhook_off_advice": "Mend its receiver, then POST /api/v1/webhooks/{id}/enable.",
        "no_worker": "no worker is running though there is work to do",
        "no_worker_advice": "Start one: tanggap worker. Until then nothing is pulled and no alert is raised.",
        "other": "{key}",
    },
}

CLOCKS: Mapping[str, Mapping[str, str]] = {
    "id": {
        "respond": "tanggapan pertama",
        "resolve": "penyelesaian",
        "coordinate": "koordinasi",
        "handle": "penanganan unit",
        "validate": "validasi hasil",
        "update": "kabar lanjutan",
    },
    "en": {
        "respond": "first response",
        "resolve": "resolution",
        "coordinate": "coordination",
        "handle": "work of the unit",
        "validate": "validation of the result",
        "update": "next update",
    },
}
