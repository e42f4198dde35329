"""Schema of the tables: read from a file, and brought from any earlier one to that of today."""

from __future__ import annotations

import sqlite3

from tfbo.errors import StorageError

_APPLICATION = 0x7466626F  # "tfbo": tells our files from other SQLite files
# From each schema to the next; a new file goes through all of them, and an older tfbo refuses it.
MIGRATIONS = (
    """
CREATE TABLE studies (
    name TEXT PRIMARY KEY, space TEXT NOT NULL, direction TEXT NOT NULL, seed TEXT NOT NULL,
    created REAL NOT NULL, revision INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE trials (
    study TEXT NOT NULL REFERENCES studies (name), number INTEGER NOT NULL,
    params TEXT NOT NULL, state TEXT NOT NULL, value REAL, kind TEXT, reason TEXT, traceback TEXT,
    started REAL, finished REAL, notes TEXT NOT NULL, owner TEXT, revision INTEGER NOT NULL,
    PRIMARY KEY (study, number)
);
CREATE INDEX trials_by_revision ON trials (study, revision);
""",
    "ALTER TABLE trials ADD COLUMN std REAL",
    # Whoever runs trials of an older tfbo gives no signs of life: a day, where its process is not known.
    """
ALTER TABLE trials ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0;
ALTER TABLE trials ADD COLUMN checksum INTEGER;
ALTER TABLE studies ADD COLUMN checksum INTEGER;
CREATE TABLE owners (owner TEXT PRIMARY KEY, beat REAL NOT NULL, patience REAL NOT NULL);
INSERT INTO owners SELECT DISTINCT owner, strftime('%s', 'now'), 86400 FROM trials WHERE owner IS NOT NULL;
CREATE INDEX trials_by_owner ON trials (study, owner) WHERE owner IS NOT NULL;
""",
    # Checksums have a rule, which an older tfbo would take for damage: see `rows`.
    "",
    """
ALTER TABLE studies ADD COLUMN fidelity TEXT;
ALTER TABLE trials ADD COLUMN start INTEGER;
ALTER TABLE trials ADD COLUMN until INTEGER;
ALTER TABLE trials ADD COLUMN spent INTEGER;
CREATE TABLE curves (
    study TEXT NOT NULL, number INTEGER NOT NULL, step INTEGER NOT NULL, value REAL, checksum INTEGER,
    PRIMARY KEY (study, number, step), FOREIGN KEY (study, number) REFERENCES trials (study, number)
) WITHOUT ROWID;
""",
    """
ALTER TABLE studies ADD COLUMN goals TEXT;
ALTER TABLE studies ADD COLUMN constraints TEXT;
ALTER TABLE trials ADD COLUMN "values" TEXT;
ALTER TABLE trials ADD COLUMN stds TEXT;
ALTER TABLE trials ADD COLUMN violations TEXT;
""",
)
VERSION = len(MIGRATIONS)


def identify(connection: sqlite3.Connection, location: str) -> int:
    """The schema of a file, 0 without tables yet; StorageError for one of a newer tfbo, or not of ours."""
    # The file may come from anywhere: views and triggers in it must not call what has side effects.
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    connection.execute("BEGIN")  # all three at one moment: another process may be making it
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    connection.execute("COMMIT")
    if tables and application != _APPLICATION:
        raise StorageError(
            f"storage: {location!r} is an SQLite file of another program. Choose another path."
        )
    if version > VERSION:
        raise StorageError(
            f"storage: {location!r} was written by a newer tfbo (schema {version}, this one "
            f"reads {VERSION}). Upgrade tfbo: pip install --upgrade tfbo."
        )
    return int(version)


def check(connection: sqlite3.Connection) -> None:
    """Raise sqlite3.DatabaseError for a file that is damaged.

    Reading alone would pass over rows that a damaged page or index has lost. It takes a twentieth of
    the time in which the trials are read: 0.09 s for 83 MB.
    """
    (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if found != "ok":
        raise sqlite3.DatabaseError(f"database disk image is malformed: {found}")


def migrate(connection: sqlite3.Connection) -> None:
    """Make the tables, or change them to the schema of today, in one transaction."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have done it meanwhile.
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        for migration in MIGRATIONS[version:]:
            for statement in filter(str.strip, migration.split(";")):
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {_APPLICATION}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
