-- A mail's text stands beside the JSON of what else was read from it: as JSON, each of its letters was looked at four times.

ALTER TABLE contents ADD COLUMN text TEXT NOT NULL DEFAULT '';
UPDATE contents SET text = coalesce(content ->> '$.text', ''), content = json_remove(content, '$.text');
