-- Where riders enter: one record a station, line and 15-minute slot, replayed from the workbook.
--
-- The record's key is the station's number as UTF-8 text, the same number that is in the value as `station_id`.
-- A column cannot come from both places, so the key gets its own name: group by STATION_KEY and the engine needs no
-- repartition topic, because the records already lie where the group wants them.
--
-- Time is the column `event_time` (simulated time), not the moment at which a record reached the broker.
CREATE STREAM IF NOT EXISTS turnstile (
    station_key  VARCHAR KEY,
    event_id     VARCHAR,
    event_time   VARCHAR,
    service_date VARCHAR,
    station_id   INTEGER,
    station_name VARCHAR,
    line         VARCHAR,
    num_entries  INTEGER
) WITH (
    KAFKA_TOPIC = 'transit.turnstile.v1',
    KEY_FORMAT = 'KAFKA',
    VALUE_FORMAT = 'JSON',
    TIMESTAMP = 'event_time',
    TIMESTAMP_FORMAT = 'yyyy-MM-dd''T''HH:mm:ss.SSSX'
);
