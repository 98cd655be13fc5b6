-- Letters are composed when they are first sent; what comes back is noted; units can be spared.

CREATE TABLE letters_new (
    id            INTEGER PRIMARY KEY,
    rule          TEXT NOT NULL,
    about         TEXT NOT NULL,
    day           TEXT NOT NULL,
    recipient     TEXT NOT NULL,
    -- empty, and NULL, until the first attempt
    subject       TEXT NOT NULL DEFAULT '',
    mail          BLOB,
    message_id    TEXT NOT NULL UNIQUE,
    state         TEXT NOT NULL CHECK
                  (state IN ('queued', 'sending', 'sent', 'refused', 'given_up', 'superseded', 'bounced')),
    attempts      INTEGER NOT NULL DEFAULT 0,
    due_at        INTEGER NOT NULL,
    changed_at    INTEGER NOT NULL,
    answer        TEXT NOT NULL DEFAULT '',
    UNIQUE (rule, about, day)
) STRICT;
INSERT INTO letters_new (id, rule, about, day, recipient, subject, mail, message_id, state, attempts, due_at, changed_at, answer)
    SELECT id, rule, about, day, recipient, subject, mail, message_id, state, attempts, due_at, changed_at, answer FROM letters;
DROP TABLE letters;
ALTER TABLE letters_new RENAME TO letters;
CREATE INDEX letters_open ON letters (due_at) WHERE state IN ('queued', 'sending');
CREATE INDEX letters_by_recipient ON letters (recipient, changed_at);

-- Each time a letter was offered to the server: what the pace is kept by.
CREATE TABLE attempts (
    letter        INTEGER NOT NULL REFERENCES letters,
    at            INTEGER NOT NULL
) STRICT;
CREATE INDEX attempts_by_time ON attempts (at);

-- Bounces that were looked at, with the letter that came back where it is one of ours.
CREATE TABLE bounces (
    mail          INTEGER PRIMARY KEY REFERENCES mails,
    letter        INTEGER REFERENCES letters
) STRICT;
CREATE INDEX mails_bounced ON mails (id) WHERE content ->> '$.bounce' IS NOT NULL;

-- Addresses that no letter reaches, by the word of a bounce to a letter of ours.
CREATE TABLE bad_addresses (
    address       TEXT PRIMARY KEY,
    why           TEXT NOT NULL,
    since         INTEGER NOT NULL
) STRICT;

-- Units that get no reminders until staff say otherwise; '' for all.
CREATE TABLE pauses (
    unit          TEXT PRIMARY KEY,
    said_by       TEXT NOT NULL,
    said_at       INTEGER NOT NULL
) STRICT;

-- Mails whose linked files staff have saved by hand.
CREATE TABLE links_opened (
    mail_sha256   TEXT PRIMARY KEY,
    said_by       TEXT NOT NULL,
    said_at       INTEGER NOT NULL
) STRICT;
