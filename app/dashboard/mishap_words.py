"""What a refusal says to whoever reads pages, in Indonesian and English; both have the same statuses."""

from __future__ import annotations

from collections.abc import Mapping

ANY = 0
"""What is said of a status that has no words of its own."""

MISHAPS: Mapping[str, Mapping[int, tuple[str, str]]] = {
    "id": {
        401: (
            "Sesi Anda berakhir",
            "Masuk lagi, lalu kirim sekali lagi. Tombol kembali di peramban membawa Anda ke isian tadi.",
        ),
        403: (
            "Ini tidak diizinkan",
            "Peran Anda tidak mengizinkannya, atau halaman itu terlalu lama terbuka. Kembali, muat ulang, ulangi.",
        ),
        404: ("Halaman ini tidak ada", "Periksa alamatnya, atau mulai lagi dari antrean."),
        413: ("Kiriman terlalu besar", "Kembali, lalu kirim berkas atau teks yang lebih kecil."),
        422: ("Alamat atau isian tidak terbaca", "Kembali, lalu periksa isian yang baru saja dikirim."),
        429: ("Terlalu banyak permintaan", "Tunggu sebentar, lalu muat ulang halaman ini."),
        500: ("Ada kesalahan di pihak kami", "Coba sekali lagi. Bila terulang, beri tahu pengelola dengan kode ini:"),
        503: ("Layanan sedang tidak terjangkau", "Tunggu sebentar, lalu muat ulang halaman ini."),
        ANY: ("Permintaan ini tidak dapat dilayani", "Kembali, atau mulai lagi dari antrean."),
    },
    "en": {
        401: (
            "Your session has ended",
            "Sign in again, then send once more. The back button of the browser leads to what you typed.",
        ),
        403: (
            "This is not allowed",
            "Your role does not allow it, or the page was open for too long. Go back, load it again and repeat.",
        ),
        404: ("This page does not exist", "Look at the address again, or begin at the queue."),
        413: ("What was sent is too large", "Go back and send a smaller file or text."),
        422: ("The address or a field cannot be read", "Go back and look at what was just sent."),
        429: ("Too many requests", "Wait a moment, then load this page again."),
        500: ("Something went wrong here", "Try once more. If it happens again, tell the operators this code:"),
        503: ("The service cannot be reached just now", "Wait a moment, then load this page again."),
        ANY: ("This request cannot be served", "Go back, or begin at the queue."),
    },
}
