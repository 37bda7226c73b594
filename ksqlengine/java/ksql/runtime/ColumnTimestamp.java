package ksql.runtime;

import java.time.Instant;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.streams.processor.TimestampExtractor;

/** Take a record's time from a column: slot of the value row, or column of the key. */
public final class ColumnTimestamp implements TimestampExtractor {
  private final int slot;
  private final boolean inKey;
  private final String format;
  private final boolean failOnInvalid;

  public ColumnTimestamp(int slot, boolean inKey, String format, boolean failOnInvalid) {
    this.slot = slot;
    this.inKey = inKey;
    this.format = format;
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
        return (Long) value;
      }
      if (value instanceof Instant) {
        return ((Instant) value).toEpochMilli();
      }
      if (value instanceof String) {
        return Times.parseTimestamp((String) value, format, "UTC").toEpochMilli();
      }
      throw new IllegalArgumentException("no timestamp in " + value);
    } catch (RuntimeException e) {
      if (failOnInvalid) {
        throw new org.apache.kafka.streams.errors.StreamsException("Fatal user code error in TimestampExtractor callback for record", e);
      }
      ProcessingLog.badRecord("", record.topic(), "Failed to extract timestamp: " + e.getMessage(), null);
      return -1;
    }
  }
}
