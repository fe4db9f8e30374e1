-- What happened in rooms of this node, in its order, and who has still to be told. Times are milliseconds since 1970.
CREATE TABLE events (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    room_sid TEXT NOT NULL,
    room_sequence BIGINT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX events_by_time ON events (at);
CREATE INDEX events_by_room ON events (room_sid, room_sequence);

-- What has begun and not ended: the event that tells of its end if the node cannot.
CREATE TABLE beginnings (
    room_sid TEXT NOT NULL,
    -- sid of a track, a participant or the room
    sid TEXT NOT NULL,
    -- tracks end before their publishers, and those before the room
    rank BIGINT NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (room_sid, sid)
);

-- Events that a receiver has still to take.
CREATE TABLE deliveries (
    target TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    PRIMARY KEY (target, sequence)
);

-- Events that a receiver did not take for so long that they are not tried any more.
CREATE TABLE dead (
    target TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    at BIGINT NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (target, sequence)
);

-- When the node was last known to run.
CREATE TABLE life (
    one BIGINT NOT NULL PRIMARY KEY,
    alive_at BIGINT NOT NULL
);
