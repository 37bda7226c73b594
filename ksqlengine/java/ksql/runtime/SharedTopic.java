package ksql.runtime;

import java.util.Optional;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.streams.processor.TimestampExtractor;
import org.apache.kafka.streams.processor.api.ContextualFixedKeyProcessor;
import org.apache.kafka.streams.processor.api.ContextualProcessor;
import org.apache.kafka.streams.processor.api.FixedKeyProcessorSupplier;
import org.apache.kafka.streams.processor.api.FixedKeyRecord;
import org.apache.kafka.streams.processor.api.ProcessorSupplier;
import org.apache.kafka.streams.processor.api.Record;

/**
 * Read a topic's records for one of several sources that a query has over it. Kafka Streams reads a topic once, with one
 * serde; each source here has its own columns, so the bytes are read where the sources part. A record that one of them
 * cannot read is skipped for that one.
 */
public final class SharedTopic {
  private final String query;
  private final String topic;
  private final Codec codec;
  private final TimestampExtractor time;

  /** time is null where the source takes the record's own. */
  public SharedTopic(String query, String topic, Codec codec, TimestampExtractor time) {
    this.query = query;
    this.topic = topic;
    this.codec = codec;
    this.time = time;
  }

  /** For sources whose keys are of one form: the key was read already. */
  public FixedKeyProcessorSupplier<Key, byte[], Object[]> values() {
    return () -> new ContextualFixedKeyProcessor<Key, byte[], Object[]>() {
      @Override public void process(FixedKeyRecord<Key, byte[]> record) {
        FixedKeyRecord<Key, Object[]> read;
        try {
          read = record.withValue(codec.read(record.value()));
        } catch (RuntimeException e) {
          ProcessingLog.deserialization(query, topic, "value", record.value(), e);
          return;
        }
        long at = at(read.key(), read.value(), read.timestamp(), read.headers());
        if (at >= 0) {
          context().forward(read.withTimestamp(at));
        }
      }
    };
  }

  /** For sources whose keys differ: key and value are bytes. */
  public ProcessorSupplier<byte[], byte[], Key, Object[]> records(Serde<Key> keys) {
    return () -> new ContextualProcessor<byte[], byte[], Key, Object[]>() {
      @Override public void process(Record<byte[], byte[]> record) {
        Key key;
        Object[] row;
        String target = "key";
        try {
          key = keys.deserializer().deserialize(topic, record.key());
          target = "value";
          row = codec.read(record.value());
        } catch (RuntimeException e) {
          ProcessingLog.deserialization(query, topic, target, target.equals("key") ? record.key() : record.value(), e);
          return;
        }
        long at = at(key, row, record.timestamp(), record.headers());
        if (at >= 0) {
          context().forward(new Record<>(key, row, at, record.headers()));
        }
      }
    };
  }

  private long at(Key key, Object[] row, long own, Headers headers) {
    return time == null ? own : time.extract(new ConsumerRecord<Object, Object>(topic, 0, 0, own, TimestampType.CREATE_TIME, 0, 0, key, row,
        headers, Optional.empty()), own);
  }
}
