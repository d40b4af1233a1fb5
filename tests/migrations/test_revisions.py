"""The revisions: there and back on both databases, the same schema as the code's, whole or not at all."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Enum, inspect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.metadata import is_of_the_code, metadata
from app.db.migrate import connect, current, downgrade, head, revision_of, upgrade

ROOT = Path(__file__).resolve().parents[2]
_COMPARING = {"compare_type": True, "target_metadata": metadata, "include_name": is_of_the_code}
REVISIONS = sorted((ROOT / "migrations" / "versions").glob("*.py"))


def test_there_and_back_and_there_again(empty_database_url: str) -> None:
    assert current(empty_database_url) is None
    upgrade(empty_database_url)
    assert current(empty_database_url) == head()
    assert _tables(empty_database_url) == set(metadata.tables)
    downgrade(empty_database_url, "base")
    assert current(empty_database_url) is None
    assert _tables(empty_database_url) == set()
    upgrade(empty_database_url)
    assert _tables(empty_database_url) == set(metadata.tables)


def test_each_step_goes_back_and_forth(empty_database_url: str) -> None:
    steps = [script.revision for script in ScriptDirectory(str(ROOT / "migrations")).walk_revisions()][::-1]
    for earlier, revision in zip(["base", *steps], steps, strict=False):
        upgrade(empty_database_url, revision)
        downgrade(empty_database_url, earlier)
        upgrade(empty_database_url, revision)
    assert current(empty_database_url) == head()


def test_the_revisions_make_the_schema_of_the_code(database_url: str) -> None:
    with connect(database_url) as connection:
        context = MigrationContext.configure(connection, opts=_COMPARING)
        assert compare_metadata(context, metadata) == []


def test_every_constraint_has_the_name_of_the_convention(database_url: str) -> None:
    with connect(database_url) as connection:
        inspector = inspect(connection)
        for table in metadata.tables.values():
            checks = {str(check["name"]) for check in inspector.get_check_constraints(table.name)}
            enums = (column.type for column in table.columns if isinstance(column.type, Enum))
            assert checks == {f"ck_{table.name}_{kind.name}" for kind in enums}
            assert inspector.get_pk_constraint(table.name)["name"] == f"pk_{table.name}"
            named = inspector.get_unique_constraints(table.name) + inspector.get_foreign_keys(table.name)
            assert all(re.match(rf"(uq|fk)_{table.name}_", str(constraint["name"])) for constraint in named)


def test_two_that_migrate_at_once_both_end_well(empty_database_url: str) -> None:
    program = "import sys; from app.db.migrate import upgrade; upgrade(sys.argv[1])"
    both = [subprocess.Popen([sys.executable, "-c", program, empty_database_url], cwd=ROOT) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    assert current(empty_database_url) == head()


def test_a_revision_that_fails_half_way_leaves_nothing(empty_database_url: str, tmp_path: Path) -> None:
    upgrade(empty_database_url)
    scripts = tmp_path / "migrations"
    shutil.copytree(ROOT / "migrations", scripts, ignore=shutil.ignore_patterns("__pycache__"))
    (scripts / "versions" / "broken.py").write_text(
        "import sqlalchemy as sa\nfrom alembic import op\n"
        f"revision, down_revision = 'broken', {head()!r}\n"
        "def upgrade():\n"
        "    op.create_table('half', sa.Column('id', sa.Integer(), primary_key=True))\n"
        "    op.execute('SELECT no_such_column FROM half')\n"
    )
    config = Config()
    config.set_main_option("script_location", str(scripts))
    with connect(empty_database_url) as connection:
        config.attributes["connection"] = connection
        with pytest.raises(DBAPIError):
            command.upgrade(config, "head")
    assert current(empty_database_url) == head()
    assert _tables(empty_database_url) == set(metadata.tables)


async def test_a_running_program_sees_where_its_database_stands(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        assert await revision_of(connection) == head()


def test_a_developer_runs_alembic_itself(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path / 'dev.db'}"
    settings = {"TANGGAP_SECRET_KEY": "dev", "TANGGAP_DATABASE_URL": database}
    for arguments in (["upgrade", "head"], ["check"]):
        done = subprocess.run(
            [sys.executable, "-m", "alembic", "--config", ROOT / "alembic.ini", *arguments],
            env={**os.environ, **settings},
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
    assert current(database) == head()


@pytest.mark.parametrize("path", REVISIONS, ids=lambda path: path.stem)
def test_a_revision_is_dated_goes_back_and_stands_alone(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    imported += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    assert {name.split(".")[0] for name in imported} <= {"alembic", "sqlalchemy"}
    assert re.fullmatch(r"\d{4}_\d{2}_\d{2}_\w+", path.stem)
    backwards = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "downgrade")
    assert not isinstance(backwards.body[-1], ast.Pass)


def test_the_history_has_one_end() -> None:
    assert REVISIONS
    assert ScriptDirectory(str(ROOT / "migrations")).get_heads() == [head()]


def _tables(url: str) -> set[str]:
    with connect(url) as connection:
        found = inspect(connection).get_table_names()
    return {name for name in found if is_of_the_code(name, "table", {})} - {"alembic_version"}
