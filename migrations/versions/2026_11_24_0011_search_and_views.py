"""Search and views: the words of complaints in a full-text index, and saved views.

Revises: 0010. Expands only. The index of words is kept by the database itself: on PostgreSQL a table that triggers fill
(`tsvector` under GIN, no extension), on SQLite an FTS5 table over the columns of `complaint`. It is no table of the
code's schema: nobody but `app/db/words.py` asks it, and whatever writes a complaint need not know it.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    _make_words()
    op.create_table(
        "saved_view",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("officer_id", BIG_ID, nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("query", JSON, nullable=False),
        sa.Column("unit_id", BIG_ID, nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["officer_id"], ["officer.id"], name=op.f("fk_saved_view_officer_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_saved_view_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_view")),
        sa.UniqueConstraint("officer_id", "name", name=op.f("uq_saved_view_officer_id_name")),
    )
    op.create_index("ix_saved_view_unit_id", "saved_view", ["unit_id"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_saved_view_unit_id", table_name="saved_view")
    op.drop_table("saved_view")
    _drop_words()


def _make_words() -> None:
    """The index over what is there already; on PostgreSQL it is filled beside writers, a few complaints at a time."""
    if op.get_bind().dialect.name != "postgresql":
        for statement in SQLITE:
            op.execute(statement)
        return
    _drop_words()
    for statement in POSTGRESQL:
        op.execute(statement)
    newest = op.get_bind().scalar(sa.text("SELECT coalesce(max(id), 0) FROM complaint"))
    with op.get_context().autocommit_block():
        for first in range(1, newest + 1, _BATCH):
            op.execute(
                f"{_FILL} WHERE id BETWEEN {first} AND {first + _BATCH - 1} ON CONFLICT (complaint_id) DO NOTHING"
            )
        op.execute("CREATE INDEX CONCURRENTLY ix_complaint_words_words ON complaint_words USING gin (words)")
        op.execute("ANALYZE complaint_words")


def _drop_words() -> None:
    """Also what an attempt that failed half-way has left."""
    if op.get_bind().dialect.name == "postgresql":
        for verb in ("added", "changed"):
            op.execute(f"DROP TRIGGER IF EXISTS complaint_words_{verb} ON complaint")
            op.execute(f"DROP FUNCTION IF EXISTS keep_{verb}_words()")
        op.execute("DROP TABLE IF EXISTS complaint_words")
        op.execute("DROP FUNCTION IF EXISTS words_of(text, text, text)")
        return
    for verb in ("added", "changed", "gone"):
        op.execute(f"DROP TRIGGER complaint_words_{verb}")
    op.execute("DROP TABLE complaint_words")


# Signs are listed by number: what a letter is depends on the locale of the database, and queries are split elsewhere.
_ACCENTS = r"[\u0300-\u036f]"
_SIGNS = (
    r"[\u0001-\u002f\u003a-\u0060\u007b-\u00bf\u2000-\u2bff\u2e00-\u2e7f\u3000-\u303f\ufe00-\ufe6f\ufff0-\uffff"
    r"\U0001f000-\U0010ffff]+"
)
# Of a text longer than this its beginning is found: an index entry has a limit, and no complaint may fail for it.
_LONGEST = 50_000
_LONGEST_WORD = 60
_BATCH = 5_000
_FILL = 'INSERT INTO complaint_words SELECT id, words_of(ticket_code, subject, "text") FROM complaint'

POSTGRESQL = (
    f"""
    CREATE FUNCTION words_of(code text, subject text, told text) RETURNS tsvector
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
    DECLARE
        plain text := left(coalesce(subject, '') || ' ' || told, {_LONGEST});
    BEGIN
        IF octet_length(plain) > length(plain) THEN
            plain := regexp_replace(normalize(plain, NFKD), '{_ACCENTS}', '', 'g');
        END IF;
        plain := regexp_replace(lower(plain), '{_SIGNS}', ' ', 'g');
        IF plain ~ '[^ ]{{{_LONGEST_WORD + 1}}}' THEN
            plain := regexp_replace(plain, '([^ ]{{{_LONGEST_WORD}}})[^ ]+', '\\1', 'g');
        END IF;
        RETURN array_to_tsvector(array_remove(array_remove(
            string_to_array(plain, ' ') || ('#' || left(regexp_replace(lower(code), '[^a-z0-9]+', '', 'g'), 60)),
            ''), NULL));
    END $$
    """,
    """
    CREATE TABLE complaint_words (
        complaint_id bigint CONSTRAINT pk_complaint_words PRIMARY KEY
            CONSTRAINT fk_complaint_words_complaint_id REFERENCES complaint (id) ON DELETE CASCADE,
        words tsvector NOT NULL
    )
    """,
    """
    CREATE FUNCTION keep_added_words() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO complaint_words
            SELECT id, words_of(ticket_code, subject, "text") FROM added ON CONFLICT (complaint_id) DO NOTHING;
        RETURN NULL;
    END $$
    """,
    """
    CREATE FUNCTION keep_changed_words() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE complaint_words SET words = words_of(NEW.ticket_code, NEW.subject, NEW."text")
            WHERE complaint_id = NEW.id;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER complaint_words_added AFTER INSERT ON complaint REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION keep_added_words()
    """,
    """
    CREATE TRIGGER complaint_words_changed AFTER UPDATE OF ticket_code, subject, "text" ON complaint FOR EACH ROW
    WHEN ((OLD.ticket_code, OLD.subject, OLD."text") IS DISTINCT FROM (NEW.ticket_code, NEW.subject, NEW."text"))
    EXECUTE FUNCTION keep_changed_words()
    """,
    # Who copies rows with the triggers off (a restore in parts, logical replication) gets the words all the same.
    "ALTER TABLE complaint ENABLE ALWAYS TRIGGER complaint_words_added",
    "ALTER TABLE complaint ENABLE ALWAYS TRIGGER complaint_words_changed",
)

_OLD = (
    "INSERT INTO complaint_words (complaint_words, rowid, ticket_code, subject, \"text\") VALUES ('delete', {values})"
)
_FORGET = _OLD.format(values='OLD.id, OLD.ticket_code, OLD.subject, OLD."text"')
_LEARN = (
    'INSERT INTO complaint_words (rowid, ticket_code, subject, "text")'
    ' VALUES (NEW.id, NEW.ticket_code, NEW.subject, NEW."text")'
)
SQLITE = (
    """
    CREATE VIRTUAL TABLE complaint_words USING fts5 (
        ticket_code, subject, "text", content='complaint', content_rowid='id',
        tokenize='unicode61 remove_diacritics 2', prefix='3 4', columnsize=0, detail=full
    )
    """,
    f"CREATE TRIGGER complaint_words_added AFTER INSERT ON complaint BEGIN {_LEARN}; END",
    f'CREATE TRIGGER complaint_words_changed AFTER UPDATE OF ticket_code, subject, "text" ON complaint'
    f' WHEN (OLD.ticket_code, OLD.subject, OLD."text") IS NOT (NEW.ticket_code, NEW.subject, NEW."text")'
    f" BEGIN {_FORGET}; {_LEARN}; END",
    f"CREATE TRIGGER complaint_words_gone AFTER DELETE ON complaint BEGIN {_FORGET}; END",
    "INSERT INTO complaint_words (complaint_words) VALUES ('rebuild')",
)
