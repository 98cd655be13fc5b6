-- Small mails that came together lie in one blob, a pack: its hash, and at which byte of it the mail begins.
-- NULL: the mail is a blob of its own.
ALTER TABLE mails ADD COLUMN pack TEXT;
ALTER TABLE mails ADD COLUMN offset INTEGER;
