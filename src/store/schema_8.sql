-- Small mails that came together lie in one blob, a pack: its hash, and at which byte of it the mail begins.
-- NULL: the mail is a blob of its own.
ALTER TABLE mails ADD COLUMN pack TEXT;
ALTER TABLE mails ADD COLUMN offset INTEGER;
-- Blobs that stand in a raw mail, base64-encoded, and are not written with it a second time.
CREATE TABLE mail_parts (
    mail          INTEGER NOT NULL REFERENCES mails,
    sha256        TEXT NOT NULL,
    PRIMARY KEY (mail, sha256)
) STRICT, WITHOUT ROWID;
CREATE INDEX mail_parts_by_sha256 ON mail_parts (sha256);
