-- Which change of a ban was the last one. Nodes that share the database read those after the one that they know: by number,
-- because their clocks differ.
CREATE TABLE ban_changes (
    one INTEGER NOT NULL PRIMARY KEY,
    last BIGINT NOT NULL
);
INSERT INTO ban_changes (one, last) VALUES (1, 0);
-- the number of the last change of this ban, 0 from before there were numbers
ALTER TABLE bans ADD COLUMN changed BIGINT NOT NULL DEFAULT 0;
CREATE INDEX bans_by_change ON bans (changed);
