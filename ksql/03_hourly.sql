-- Entries of each station in each hour of simulated time.
--
-- Time may go backwards: last week can be replayed after today. A window drops what is older than stream time less its
-- grace (24 hours unless stated) and leaves pull queries when its retention ends, so both are stated as ten years.
CREATE TABLE IF NOT EXISTS turnstile_hourly WITH (
    KAFKA_TOPIC = 'transit.turnstile.hourly.v1',
    KEY_FORMAT = 'KAFKA',
    VALUE_FORMAT = 'JSON'
) AS
SELECT
    station_key AS station_id,
    COUNT(*) AS num_records,
    SUM(CAST(num_entries AS BIGINT)) AS total_entries
FROM turnstile
WINDOW TUMBLING (SIZE 1 HOUR, RETENTION 3651 DAYS, GRACE PERIOD 3650 DAYS)
GROUP BY station_key
EMIT CHANGES;
