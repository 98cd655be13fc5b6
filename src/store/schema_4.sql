-- Answers of staff to letters of ours, and the reports that they chose.

CREATE TABLE replies (
    mail          INTEGER PRIMARY KEY REFERENCES mails,
    letter        INTEGER NOT NULL REFERENCES letters,
    -- NULL until carried out; outgoing::Done, '[]' where there was nothing to do
    done          TEXT
) STRICT;
CREATE INDEX replies_open ON replies (mail) WHERE done IS NULL;

-- 遴选: a submission by the place it has in its mail.
CREATE TABLE stars (
    mail_sha256   TEXT NOT NULL,
    ordinal       INTEGER NOT NULL,
    said_by       TEXT NOT NULL,
    said_at       INTEGER NOT NULL,
    PRIMARY KEY (mail_sha256, ordinal)
) STRICT;

-- What each digest reads, without the texts beside it.
CREATE INDEX mails_not_taken ON mails (received_at, id) WHERE outcome <> 'reports';
CREATE INDEX submissions_in_brief ON submissions
    (arrived, id, mail, ordinal, unit, kind, days, day_inferred, repeats, title);
CREATE INDEX submissions_by_kind ON submissions (kind, arrived);
CREATE INDEX submissions_linked ON submissions (arrived, id) WHERE links <> '[]';
CREATE INDEX submissions_flagged ON submissions (arrived, id) WHERE flags <> '[]';

-- What staff decided besides corrections: pauses, stars, saved links, lessons; in Chinese, for the record.
CREATE TABLE decisions (
    id            INTEGER PRIMARY KEY,
    what          TEXT NOT NULL,
    said_by       TEXT NOT NULL,
    said_at       INTEGER NOT NULL,
    UNIQUE (what, said_by, said_at)
) STRICT;

-- What is wrong with the daemon, from when to when; each end is told once by mail and once by the second way.
CREATE TABLE alarms (
    id            INTEGER PRIMARY KEY,
    name          TEXT NOT NULL,
    what          TEXT NOT NULL,
    since         INTEGER NOT NULL,
    cleared_at    INTEGER,
    -- by the second way: 0 nothing, 1 the alarm, 2 its end
    told          INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX alarms_open ON alarms (name) WHERE cleared_at IS NULL;
