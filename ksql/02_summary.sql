-- Entries of each station, ever: how many records, how many riders. Key: the station's number as text.
CREATE TABLE IF NOT EXISTS turnstile_summary WITH (
    KAFKA_TOPIC = 'transit.turnstile.summary.v1',
    KEY_FORMAT = 'KAFKA',
    VALUE_FORMAT = 'JSON'
) AS
SELECT
    station_key AS station_id,
    COUNT(*) AS num_records,
    SUM(CAST(num_entries AS BIGINT)) AS total_entries
FROM turnstile
GROUP BY station_key
EMIT CHANGES;
