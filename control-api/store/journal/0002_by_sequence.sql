-- Whether somebody has still to be told of an event is asked of each event before it is forgotten.
CREATE INDEX deliveries_by_sequence ON deliveries (sequence);
CREATE INDEX dead_by_sequence ON dead (sequence);
