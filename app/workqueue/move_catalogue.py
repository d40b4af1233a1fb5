"""What the moves are called where officers choose them, in Indonesian and English."""

from __future__ import annotations

from collections.abc import Mapping

from app.complaint.lifecycle import Move

MOVE_LABELS: Mapping[Move, tuple[str, str]] = {
    Move.CLAIM: ("Ambil", "Claim"),
    Move.RELEASE: ("Lepaskan", "Release"),
    Move.ASSIGN: ("Tugaskan", "Assign"),
    Move.ACCEPT: ("Terima", "Accept"),
    Move.FORWARD: ("Teruskan", "Forward"),
    Move.RESPOND: ("Tanggapi warga", "Respond"),
    Move.START: ("Mulai kerjakan", "Start work"),
    Move.ASK_COMPLAINANT: ("Tanya pelapor", "Ask the complainant"),
    Move.COMPLAINANT_ANSWERED: ("Pelapor menjawab", "Complainant answered"),
    Move.SCHEDULE: ("Jadwalkan", "Schedule"),
    Move.SUBMIT: ("Ajukan hasil", "Submit the result"),
    Move.APPROVE: ("Setujui hasil", "Approve"),
    Move.SEND_BACK: ("Kembalikan", "Send back"),
    Move.REJECT: ("Tolak", "Reject"),
    Move.REOPEN: ("Buka kembali", "Reopen"),
    Move.WITHDRAW: ("Cabut", "Withdraw"),
}
