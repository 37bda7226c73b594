package ksql.runtime;

import java.time.Instant;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.streams.processor.TimestampExtractor;

/** Take a record's time from a column: slot of the value row, or column of the key. */
public final class ColumnTimestamp implements TimestampExtractor {
  private static final String ISO = "yyyy-MM-dd'T'HH:mm:ss.SSSX";

  private final boolean iso;
  private final int slot;
  private final boolean inKey;
  private final String format;
  private final boolean failOnInvalid;
  private final String query;

  public ColumnTimestamp(int slot, boolean inKey, String format, boolean failOnInvalid, String query) {
    this.query = query;
    this.slot = slot;
    this.inKey = inKey;
    this.format = format;
    this.iso = ISO.equals(format);
    this.failOnInvalid = failOnInvalid;
  }

  @Override public long extract(ConsumerRecord<Object, Object> record, long partitionTime) {
    if (record.value() == null && !inKey) {
      return record.timestamp();
    }
    try {
      Object value;
      if (inKey) {
        value = record.key() == null ? null : ((Key) record.key()).columns()[slot];
      } else {
        value = ((Object[]) record.value())[slot];
      }
      if (value instanceof Long) {
        return known((Long) value);
      }
      if (value instanceof Instant) {
        return known(((Instant) value).toEpochMilli());
      }
      if (value instanceof String) {
        String text = (String) value;
        long millis = iso ? Times.isoMillis(text) : -1;
        return millis >= 0 ? millis : known(Times.parseTimestamp(text, format, "UTC").toEpochMilli());
      }
      throw new IllegalArgumentException("no timestamp in " + value);
    } catch (RuntimeException e) {
      if (failOnInvalid) {
        throw new org.apache.kafka.streams.errors.StreamsException("Fatal user code error in TimestampExtractor callback for record", e);
      }
      ProcessingLog.processing(query, "KsqlTopic.Source.timestamp", "Failed to extract timestamp from a record of topic " + record.topic(), null, e);
      return -1;
    }
  }

  /** Kafka has no time before 1970: Kafka Streams drops such a record without a word. */
  private static long known(long millis) {
    if (millis < 0) {
      throw new IllegalArgumentException("Timestamp is negative: " + millis);
    }
    return millis;
  }
}
