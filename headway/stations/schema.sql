-- The database side of the stations feed. Applying it again changes nothing.

-- One row per (station, line, branch, direction); exactly one line flag is true; "order" is the position on that line.
CREATE TABLE IF NOT EXISTS stations (
    stop_id integer PRIMARY KEY,
    direction_id text NOT NULL,
    stop_name text NOT NULL,
    station_name text NOT NULL,
    station_descriptive_name text NOT NULL,
    station_id integer NOT NULL,
    "order" integer NOT NULL CHECK ("order" >= 0),
    red boolean NOT NULL,
    blue boolean NOT NULL,
    green boolean NOT NULL,
    brown boolean NOT NULL,
    orange boolean NOT NULL,
    pink boolean NOT NULL,
    purple boolean NOT NULL,
    yellow boolean NOT NULL,
    branch text NOT NULL,
    latitude double precision,
    longitude double precision,
    CONSTRAINT one_line CHECK (
        red::int + blue::int + green::int + brown::int + orange::int + pink::int + purple::int + yellow::int = 1
    )
);

-- Debezium writes here (heartbeat.action.query): other databases of this server write WAL all the time, the stations
-- table is quiet, and without an event of its own the slot's position would stand still and keep that WAL.
CREATE TABLE IF NOT EXISTS connect_heartbeat (
    id integer PRIMARY KEY,
    beat timestamptz NOT NULL
);

DO $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_publication WHERE pubname = 'headway_stations') THEN
        CREATE PUBLICATION headway_stations FOR TABLE stations, connect_heartbeat;
    END IF;
END
$$;
