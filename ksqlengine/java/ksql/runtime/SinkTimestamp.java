package ksql.runtime;

import java.time.Instant;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.processor.api.ContextualProcessor;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorSupplier;
import org.apache.kafka.streams.processor.api.Record;

/** Give a written record the time that a column of it holds. */
public final class SinkTimestamp implements ProcessorSupplier<Object, Object[], Object, Object[]> {
  private final int slot;
  private final boolean inKey;
  private final String format;
  private final String query;

  public SinkTimestamp(int slot, boolean inKey, String format, String query) {
    this.query = query;
    this.slot = slot;
    this.inKey = inKey;
    this.format = format;
  }

  @Override public Processor<Object, Object[], Object, Object[]> get() {
    return new ContextualProcessor<Object, Object[], Object, Object[]>() {
      @Override public void process(Record<Object, Object[]> record) {
        if (record.value() == null && !inKey) {
          context().forward(record);
          return;
        }
        Record<Object, Object[]> timed;
        try {
          timed = record.withTimestamp(time(record));
        } catch (RuntimeException e) {
          ProcessingLog.processing(query, "KsqlTopic.Sink.timestamp", "Failed to extract timestamp", null, e);
          return;
        }
        context().forward(timed); // what fails from here on is not about the timestamp
      }
    };
  }

  private long time(Record<Object, Object[]> record) {
    Object value;
    if (inKey) {
      Object key = record.key() instanceof Windowed ? ((Windowed<?>) record.key()).key() : record.key();
      value = ((Key) key).columns()[slot];
    } else {
      value = record.value()[slot];
    }
    return value instanceof Long ? (Long) value : value instanceof Instant ? ((Instant) value).toEpochMilli()
        : Times.parseTimestamp((String) value, format, "UTC").toEpochMilli();
  }
}
