-- What the accounts of sessions take from an event, as JSON; empty where there is nothing.
ALTER TABLE events ADD COLUMN record TEXT NOT NULL DEFAULT '';
-- What the end of this comes to if the node tells no more of it, and as of when.
ALTER TABLE beginnings ADD COLUMN record TEXT NOT NULL DEFAULT '';
ALTER TABLE beginnings ADD COLUMN at BIGINT NOT NULL DEFAULT 0;

-- Whose journal this is, and up to which event the store has taken it.
CREATE TABLE journal (
    one BIGINT NOT NULL PRIMARY KEY,
    id TEXT NOT NULL,
    projected BIGINT NOT NULL
);
