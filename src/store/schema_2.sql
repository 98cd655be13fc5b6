-- Corrections that can be revoked, what they teach, and what resembles what.

ALTER TABLE corrections ADD COLUMN verdict_before TEXT NOT NULL DEFAULT '{}';
ALTER TABLE corrections ADD COLUMN revoked_by TEXT;
ALTER TABLE corrections ADD COLUMN revoked_at INTEGER;
CREATE INDEX corrections_by_mail ON corrections (mail_sha256);

-- Addresses and names that staff gave to units, or took from them.
CREATE TABLE lessons (
    id            INTEGER PRIMARY KEY,
    what          TEXT NOT NULL CHECK (what IN ('address', 'alias')),
    value         TEXT NOT NULL,
    unit          TEXT NOT NULL,
    -- 0: it is not the unit's, whatever mails say
    holds         INTEGER NOT NULL,
    correction    INTEGER REFERENCES corrections,
    said_by       TEXT NOT NULL,
    said_at       INTEGER NOT NULL,
    UNIQUE (what, value, unit)
) STRICT;

-- Units and what speaks for them: attribution::Weighed
ALTER TABLE mails ADD COLUMN weighed TEXT NOT NULL DEFAULT '[]';
-- attribution::Flag
ALTER TABLE submissions ADD COLUMN flags TEXT NOT NULL DEFAULT '[]';

-- attribution::Sketch::bands: near-duplicates share at least one
CREATE TABLE text_bands (
    band          INTEGER NOT NULL,
    submission    INTEGER NOT NULL REFERENCES submissions ON DELETE CASCADE,
    PRIMARY KEY (band, submission)
) STRICT, WITHOUT ROWID;
CREATE INDEX text_bands_by_submission ON text_bands (submission);

-- A photo's perceptual hash, and its pieces: copies share at least one
ALTER TABLE files ADD COLUMN fingerprint BLOB;
CREATE TABLE photo_bands (
    band          INTEGER NOT NULL,
    mail          INTEGER NOT NULL,
    position      INTEGER NOT NULL,
    PRIMARY KEY (band, mail, position),
    FOREIGN KEY (mail, position) REFERENCES files ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX photo_bands_by_file ON photo_bands (mail, position);

-- Units that a sender's own mails plainly named, with the first mail that did.
DROP TABLE senders;
CREATE TABLE senders (
    sender        TEXT NOT NULL,
    unit          TEXT NOT NULL,
    mail          INTEGER NOT NULL REFERENCES mails,
    PRIMARY KEY (sender, unit)
) STRICT;
CREATE INDEX senders_by_mail ON senders (mail);

UPDATE mails SET outcome = NULL;
