-- An alarm that comes and goes; what retention removed.

-- When its cause was last there: it must stay away before the alarm is over.
ALTER TABLE alarms ADD COLUMN seen_at INTEGER NOT NULL DEFAULT 0;
UPDATE alarms SET seen_at = coalesce(cleared_at, since);

-- Blobs that retention took from the disk; the rows that name them stay.
CREATE TABLE removed (
    sha256        TEXT PRIMARY KEY,
    removed_at    INTEGER NOT NULL
) STRICT;
