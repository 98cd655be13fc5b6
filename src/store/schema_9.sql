-- Mails are found by the beginning of their hash: whole hashes, in no order of time, made an index of which many new mails
-- touch nearly every page. That none is kept twice is seen to by who keeps them, and looked at by `verify`; a trigger would
-- cost a tenth of all that is done with a mail.

CREATE TABLE mails_new (
    id            INTEGER PRIMARY KEY,
    sha256        TEXT NOT NULL,
    bytes         INTEGER NOT NULL,
    source        TEXT NOT NULL,
    received_at   INTEGER NOT NULL,
    message_id    TEXT,
    sender        TEXT NOT NULL,
    subject       TEXT NOT NULL,
    -- NULL until judged
    outcome       TEXT CHECK (outcome = 'reports' OR outcome = 'not_report' OR outcome = 'review' OR outcome = 'unreadable'),
    reason        TEXT NOT NULL DEFAULT '',
    candidates    TEXT NOT NULL DEFAULT '[]',
    -- attribution::Weighed
    weighed       TEXT NOT NULL DEFAULT '[]',
    -- whether it is a bounce
    bounced       INTEGER NOT NULL DEFAULT 0,
    -- the pack's hash, and at which byte of it the mail begins; NULL: the mail is a blob of its own
    pack          TEXT,
    offset        INTEGER
) STRICT;
INSERT INTO mails_new SELECT id, sha256, bytes, source, received_at, message_id, sender, subject, outcome, reason,
    candidates, weighed, bounced, pack, offset FROM mails;
DROP TABLE mails;
ALTER TABLE mails_new RENAME TO mails;
CREATE INDEX mails_by_hash ON mails (substr(sha256, 1, 8));
CREATE INDEX mails_by_arrival ON mails (received_at, id);
CREATE INDEX mails_unjudged ON mails (received_at, id) WHERE outcome IS NULL;
CREATE INDEX mails_not_taken ON mails (received_at, id) WHERE outcome <> 'reports';
CREATE INDEX mails_bounced ON mails (received_at, id) WHERE bounced;
CREATE INDEX mails_reporting ON mails (sender, received_at) WHERE outcome = 'reports';
CREATE INDEX mails_doubtful ON mails (outcome, received_at) WHERE outcome = 'review' OR outcome = 'unreadable';
