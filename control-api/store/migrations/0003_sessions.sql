-- What every room, participant and track came to, and what was used. Times are milliseconds since 1970, 0 for none;
-- durations are by a clock that does not step.
CREATE TABLE room_sessions (
    sid TEXT NOT NULL PRIMARY KEY,
    room TEXT NOT NULL,
    -- the journal that tells of it, and so the node
    journal TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    -- 0 while it is open
    ended_at BIGINT NOT NULL,
    lasted_ms BIGINT NOT NULL,
    end_reason TEXT NOT NULL,
    -- 1: its end was not told, and is the last time at which it was known to be open
    recovered BIGINT NOT NULL,
    -- sessions of participants: ever, at once by now, and at once at most; agents and recorders aside
    participants BIGINT NOT NULL,
    present BIGINT NOT NULL,
    peak_participants BIGINT NOT NULL,
    -- of those who published nothing, at once at most; known when it has ended
    peak_viewers BIGINT NOT NULL,
    participant_ms BIGINT NOT NULL,
    received BIGINT NOT NULL,
    sent BIGINT NOT NULL,
    tracks BIGINT NOT NULL
);
CREATE INDEX room_sessions_by_time ON room_sessions (started_at, sid);
CREATE INDEX room_sessions_by_room ON room_sessions (room, started_at);
CREATE INDEX room_sessions_by_end ON room_sessions (ended_at);

CREATE TABLE participant_sessions (
    sid TEXT NOT NULL PRIMARY KEY,
    room_sid TEXT NOT NULL,
    room TEXT NOT NULL,
    identity TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    -- 1: an agent or a recorder
    dependent BIGINT NOT NULL,
    api_key TEXT NOT NULL,
    address TEXT NOT NULL,
    sdk TEXT NOT NULL,
    sdk_version TEXT NOT NULL,
    os TEXT NOT NULL,
    os_version TEXT NOT NULL,
    browser TEXT NOT NULL,
    browser_version TEXT NOT NULL,
    device TEXT NOT NULL,
    joined_at BIGINT NOT NULL,
    -- 0 while it is open
    left_at BIGINT NOT NULL,
    lasted_ms BIGINT NOT NULL,
    disconnect_reason TEXT NOT NULL,
    recovered BIGINT NOT NULL,
    received BIGINT NOT NULL,
    sent BIGINT NOT NULL,
    tracks BIGINT NOT NULL,
    -- windows of 5 s in which it was how well connected
    excellent BIGINT NOT NULL,
    good BIGINT NOT NULL,
    poor BIGINT NOT NULL,
    lost BIGINT NOT NULL
);
CREATE INDEX participant_sessions_by_time ON participant_sessions (joined_at, sid);
CREATE INDEX participant_sessions_by_room ON participant_sessions (room_sid, joined_at);
CREATE INDEX participant_sessions_by_name ON participant_sessions (room, joined_at);
CREATE INDEX participant_sessions_by_identity ON participant_sessions (identity, joined_at);
CREATE INDEX participant_sessions_by_end ON participant_sessions (left_at);

CREATE TABLE track_sessions (
    -- one that goes on in another room, or is shown there, keeps its sid
    sid TEXT NOT NULL,
    room_sid TEXT NOT NULL,
    participant_sid TEXT NOT NULL,
    kind TEXT NOT NULL,
    source TEXT NOT NULL,
    mime_type TEXT NOT NULL,
    name TEXT NOT NULL,
    published_at BIGINT NOT NULL,
    unpublished_at BIGINT NOT NULL,
    PRIMARY KEY (room_sid, sid)
);
CREATE INDEX track_sessions_by_room ON track_sessions (room_sid, published_at);
CREATE INDEX track_sessions_by_end ON track_sessions (unpublished_at);

-- What the sessions of a key in rooms of a name came to on a day (days since 1970, UTC).
CREATE TABLE usage_days (
    day BIGINT NOT NULL,
    api_key TEXT NOT NULL,
    room TEXT NOT NULL,
    sessions BIGINT NOT NULL,
    participant_ms BIGINT NOT NULL,
    -- of agents and recorders
    dependent_ms BIGINT NOT NULL,
    received BIGINT NOT NULL,
    sent BIGINT NOT NULL,
    PRIMARY KEY (day, api_key, room)
);

-- Up to which event each node's journal has been taken.
CREATE TABLE projections (
    journal TEXT NOT NULL PRIMARY KEY,
    sequence BIGINT NOT NULL
);
