"""`tanggap token` and `tanggap officer`: who may come in is made, listed and ended at the command line."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import create_engine, text

PASSWORD = "mawar-melati-77"


def _trail(tanggap):
    entries = [json.loads(line) for line in tanggap("audit", "export").out.splitlines()]
    return [(each["actor"], each["action"], each["subject"]) for each in entries if each["action"] != "audit.export"]


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_a_token_of_some_scopes_is_made_listed_and_revoked(tanggap):
    wanted = (
        "--role",
        "viewer",
        "--name",
        "papan",
        "--expires",
        "90d",
        "--scope",
        "units:read",
        "--scope",
        "alerts:read",
    )
    made = tanggap("token", "create", *wanted, "--json").document
    (listed,) = tanggap("token", "list", "--json").document["items"]
    assert (listed["id"], listed["name"], listed["scopes"]) == (made["id"], "papan", ["alerts:read", "units:read"])
    assert (listed["revoked_at"], listed["used_at"], made["token"].startswith(listed["prefix"])) == (None, None, True)
    line = tanggap("token", "list").out
    assert "papan: viewer for alerts:read,units:read over everything" in line and made["token"] not in line
    assert tanggap("token", "revoke", str(made["id"])).code == 0
    assert "revoked 20" in tanggap("token", "list").out
    gone = tanggap("token", "revoke", "999")
    assert (gone.code, gone.err) == (1, "tanggap: token 999 is not known\n")
    wrong = tanggap("token", "create", "--role", "viewer", "--scope", "segala")
    assert (wrong.code, wrong.out, "'segala' is no scope" in wrong.err) == (1, "", True)
    subject = f"token {made['id']}"
    assert _trail(tanggap) == [("command line", f"token.{deed}", subject) for deed in ("create", "revoke")]


def test_somebody_who_is_locked_out_is_seen_and_let_in_again(tanggap, database_url):
    add = ("officer", "add", "sekar", "--role", "supervisor", "--unit", "31.71", "--password", PASSWORD)
    assert tanggap(*add).code == 0
    engine = create_engine(database_url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        lock = "UPDATE officer SET failed_sign_ins = 5, locked_until = '2099-01-01 00:00:00.000000'"
        connection.execute(text(lock))
    engine.dispose()
    assert tanggap("officer", "list").out.split() == ["sekar", "supervisor", "locked", "31.71"]
    assert tanggap("officer", "unlock", "sekar").code == 0
    (listed,) = tanggap("officer", "list", "--json").document["items"]
    assert (listed["username"], listed["role"], listed["locked_until"]) == ("sekar", "supervisor", None)
    assert tanggap("officer", "password", "sekar", "--password", f"{PASSWORD}-8").code == 0
    for command in (("unlock",), ("password", "--password", PASSWORD)):
        gone = tanggap("officer", command[0], "entah", *command[1:])
        assert (gone.code, gone.err) == (1, "tanggap: officer entah is not known\n")
    deeds = ("create", "unlock", "change")
    assert _trail(tanggap) == [("command line", f"officer.{deed}", "officer sekar") for deed in deeds]
