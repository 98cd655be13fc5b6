-- Times are seconds since 1970 UTC; days are ISO 8601 texts; lists are JSON arrays.

CREATE TABLE mails (
    id            INTEGER PRIMARY KEY,
    sha256        TEXT NOT NULL UNIQUE,
    bytes         INTEGER NOT NULL,
    source        TEXT NOT NULL,
    received_at   INTEGER NOT NULL,
    message_id    TEXT,
    sender        TEXT NOT NULL,
    subject       TEXT NOT NULL,
    content       TEXT NOT NULL,
    -- NULL until judged, within the pass that keeps the mail
    outcome       TEXT CHECK (outcome IN ('reports', 'not_report', 'review', 'unreadable')),
    reason        TEXT NOT NULL DEFAULT '',
    candidates    TEXT NOT NULL DEFAULT '[]'
) STRICT;
CREATE INDEX mails_by_arrival ON mails (received_at, id);
CREATE INDEX mails_by_sender ON mails (sender, received_at);
CREATE INDEX mails_unjudged ON mails (received_at, id) WHERE outcome IS NULL;

CREATE TABLE submissions (
    id            INTEGER PRIMARY KEY,
    mail          INTEGER NOT NULL REFERENCES mails,
    ordinal       INTEGER NOT NULL,
    kind          TEXT NOT NULL,
    unit          TEXT NOT NULL,
    days          TEXT NOT NULL,
    day_inferred  INTEGER NOT NULL,
    arrived       INTEGER NOT NULL,
    repeats       INTEGER REFERENCES submissions ON DELETE SET NULL,
    title         TEXT NOT NULL,
    text          TEXT NOT NULL,
    -- attribution::Sketch: little-endian u32, ascending
    sketch        BLOB NOT NULL,
    links         TEXT NOT NULL,
    evidence      TEXT NOT NULL,
    UNIQUE (mail, ordinal)
) STRICT;
CREATE INDEX submissions_by_unit ON submissions (unit, arrived);
CREATE INDEX submissions_by_repeat ON submissions (repeats) WHERE repeats IS NOT NULL;

CREATE TABLE files (
    mail          INTEGER NOT NULL REFERENCES mails,
    position      INTEGER NOT NULL,
    submission    INTEGER REFERENCES submissions ON DELETE SET NULL,
    name          TEXT NOT NULL,
    media         TEXT NOT NULL,
    sha256        TEXT NOT NULL,
    bytes         INTEGER NOT NULL,
    taken_at      INTEGER,
    PRIMARY KEY (mail, position)
) STRICT;
CREATE INDEX files_by_sha256 ON files (sha256);
CREATE INDEX files_by_submission ON files (submission) WHERE submission IS NOT NULL;

-- Units that a sender's own mails plainly named, with the first time each.
CREATE TABLE senders (
    sender        TEXT NOT NULL,
    unit          TEXT NOT NULL,
    first_at      INTEGER NOT NULL,
    PRIMARY KEY (sender, unit)
) STRICT;

-- What staff decided; laid over what was judged, and kept when mails are judged again.
CREATE TABLE corrections (
    id            INTEGER PRIMARY KEY,
    mail_sha256   TEXT NOT NULL,
    ordinal       INTEGER,
    change        TEXT NOT NULL,
    made_by       TEXT NOT NULL,
    made_at       INTEGER NOT NULL
) STRICT;

CREATE TABLE letters (
    id            INTEGER PRIMARY KEY,
    rule          TEXT NOT NULL,
    about         TEXT NOT NULL,
    day           TEXT NOT NULL,
    recipient     TEXT NOT NULL,
    subject       TEXT NOT NULL,
    message_id    TEXT NOT NULL UNIQUE,
    mail          BLOB NOT NULL,
    state         TEXT NOT NULL CHECK (state IN ('queued', 'sending', 'sent', 'refused', 'superseded')),
    attempts      INTEGER NOT NULL DEFAULT 0,
    due_at        INTEGER NOT NULL,
    changed_at    INTEGER NOT NULL,
    answer        TEXT NOT NULL DEFAULT '',
    UNIQUE (rule, about, day)
) STRICT;
CREATE INDEX letters_open ON letters (due_at) WHERE state IN ('queued', 'sending');

CREATE TABLE cursors (
    folder        TEXT PRIMARY KEY,
    uidvalidity   INTEGER NOT NULL,
    last_uid      INTEGER NOT NULL,
    -- mails on the server at the last poll
    server_count  INTEGER NOT NULL,
    compared_at   INTEGER NOT NULL,
    polled_at     INTEGER NOT NULL
) STRICT;

-- Where each mail lies on the server. A mail that could not be fetched has a row without a mail.
CREATE TABLE locations (
    folder        TEXT NOT NULL,
    uidvalidity   INTEGER NOT NULL,
    uid           INTEGER NOT NULL,
    mail          INTEGER REFERENCES mails,
    received_at   INTEGER,
    attempts      INTEGER NOT NULL DEFAULT 0,
    error         TEXT NOT NULL DEFAULT '',
    gone          INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (folder, uidvalidity, uid)
) STRICT;
CREATE INDEX locations_by_mail ON locations (mail);
CREATE INDEX locations_unfetched ON locations (folder) WHERE mail IS NULL;

-- One row a folder, or '' for the connection: what went wrong at the last poll.
CREATE TABLE troubles (
    folder        TEXT PRIMARY KEY,
    what          TEXT NOT NULL,
    since         INTEGER NOT NULL
) STRICT;
