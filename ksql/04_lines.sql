-- Riders of each line in each hour of simulated time. At an interchange the workbook has apportioned the entries to
-- the lines, so `line` is always one line and the lines add up to the whole.
CREATE TABLE IF NOT EXISTS line_hourly WITH (
    KAFKA_TOPIC = 'transit.turnstile.lines.hourly.v1',
    KEY_FORMAT = 'KAFKA',
    VALUE_FORMAT = 'JSON'
) AS
SELECT
    line,
    COUNT(*) AS num_records,
    SUM(CAST(num_entries AS BIGINT)) AS total_entries
FROM turnstile
WINDOW TUMBLING (SIZE 1 HOUR, RETENTION 3651 DAYS, GRACE PERIOD 3650 DAYS)
GROUP BY line
EMIT CHANGES;
