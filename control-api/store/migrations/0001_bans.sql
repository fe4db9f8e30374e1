-- Who may not be in a room. Times are milliseconds since 1970, 0 for none.
CREATE TABLE bans (
    id TEXT NOT NULL PRIMARY KEY,
    -- identity, address, token, key or tokens (those issued before a time)
    kind TEXT NOT NULL,
    -- identity, network, jti or API key
    subject TEXT NOT NULL,
    -- the only room in which it holds, empty for all
    room TEXT NOT NULL,
    issued_before BIGINT NOT NULL,
    reason TEXT NOT NULL,
    author TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    lifted_at BIGINT NOT NULL,
    lifted_by TEXT NOT NULL
);
CREATE INDEX bans_by_subject ON bans (subject);
CREATE INDEX bans_by_time ON bans (created_at, id);

-- What was done by whom.
CREATE TABLE audit (
    id TEXT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    author TEXT NOT NULL,
    action TEXT NOT NULL,
    room TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX audit_by_time ON audit (at, id);
