-- What was read from mails stands apart from their rows, so that a verdict written later does not copy it.

CREATE TABLE contents (
    mail          INTEGER PRIMARY KEY REFERENCES mails,
    content       TEXT NOT NULL
) STRICT;
INSERT INTO contents (mail, content) SELECT id, content FROM mails;

-- Whether it is a bounce.
ALTER TABLE mails ADD COLUMN bounced INTEGER NOT NULL DEFAULT 0;
UPDATE mails SET bounced = 1 WHERE content ->> '$.bounce' IS NOT NULL;
DROP INDEX mails_bounced;
ALTER TABLE mails DROP COLUMN content;
CREATE INDEX mails_bounced ON mails (received_at, id) WHERE bounced;

-- The earlier reports of a sender, however much else it sent.
DROP INDEX mails_by_sender;
CREATE INDEX mails_reporting ON mails (sender, received_at) WHERE outcome = 'reports';

-- Whether many are to be looked at by a person is asked at each poll.
CREATE INDEX mails_doubtful ON mails (outcome, received_at) WHERE outcome = 'review' OR outcome = 'unreadable';

-- Mails on the server when a poll last accounted for every one; NULL where none did.
ALTER TABLE cursors ADD COLUMN settled_count INTEGER;
