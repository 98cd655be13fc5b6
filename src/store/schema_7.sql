-- Blobs that the storage of the settings holds whole: those of them that are not on the disk are read from there.
CREATE TABLE stored (
    sha256        TEXT PRIMARY KEY,
    bytes         INTEGER NOT NULL,
    stored_at     INTEGER NOT NULL
) STRICT;
-- The storage that the rows of stored are of: one row.
CREATE TABLE storage (
    place         TEXT NOT NULL
) STRICT;
