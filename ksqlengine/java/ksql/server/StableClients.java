package ksql.server;

import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import ksql.runtime.Oversized;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.Callback;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.record.AbstractRecords;
import org.apache.kafka.common.record.CompressionType;
import org.apache.kafka.common.record.RecordBatch;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.streams.KafkaClientSupplier;

/**
 * Make a query's clients. Kafka Streams draws a new transactional id at each start when no store is on disk, so that what a
 * killed server left open blocks its successor until it times out (10 s and more). With an id that stays the same the
 * successor ends it at once, as with stores on disk.
 */
public final class StableClients implements KafkaClientSupplier {
  /** More than the overhead of a record with few headers: below it, no exact size is needed. */
  private static final int MARGIN = 4096;
  private final String instance;

  /** The instance is the server's lasting identity, "" for a query that nobody takes up again. */
  public StableClients(String instance) {
    this.instance = instance;
  }

  @Override public Admin getAdmin(Map<String, Object> config) {
    return Admin.create(config);
  }

  @Override public Producer<byte[], byte[]> getProducer(Map<String, Object> config) {
    Map<String, Object> own = new HashMap<>(config);
    Object given = own.get(ProducerConfig.TRANSACTIONAL_ID_CONFIG);
    if (given != null && !instance.isEmpty()) {
      own.put(ProducerConfig.TRANSACTIONAL_ID_CONFIG, stable(given.toString()));
    }
    return given == null ? new KafkaProducer<>(own, new ByteArraySerializer(), new ByteArraySerializer()) : new Sized(own);
  }

  /**
   * A producer in transactions that refuses too large a record by itself. Kafka's own would count it as a failure of the
   * transaction, which then cannot be committed whatever the handler of such errors says (KAFKA-15259).
   */
  private static final class Sized extends KafkaProducer<byte[], byte[]> {
    private final int limit;
    private final CompressionType compression;

    Sized(Map<String, Object> config) {
      super(config, new ByteArraySerializer(), new ByteArraySerializer());
      Map<String, Object> known = new HashMap<>(ProducerConfig.configDef().defaultValues());
      known.putAll(config);
      limit = Integer.parseInt(String.valueOf(known.get(ProducerConfig.MAX_REQUEST_SIZE_CONFIG)).trim());
      compression = CompressionType.forName(String.valueOf(known.get(ProducerConfig.COMPRESSION_TYPE_CONFIG)).trim());
    }

    @Override public Future<RecordMetadata> send(ProducerRecord<byte[], byte[]> record, Callback callback) {
      int size = (record.key() == null ? 0 : record.key().length) + (record.value() == null ? 0 : record.value().length);
      if (size + MARGIN > limit || Oversized.knows(record)) {
        int exact = AbstractRecords.estimateSizeInBytesUpperBound(RecordBatch.CURRENT_MAGIC_VALUE, compression, record.key(),
            record.value(), record.headers().toArray());
        if (exact > limit || Oversized.knows(record)) {
          RecordTooLargeException error = new RecordTooLargeException(exact > limit
              ? "The message is " + exact + " bytes when serialized which is larger than " + limit + ", which is the value of the "
                  + ProducerConfig.MAX_REQUEST_SIZE_CONFIG + " configuration."
              : "The message is " + exact + " bytes when serialized, which is more than the topic takes (max.message.bytes).");
          callback.onCompletion(null, error);
          return CompletableFuture.failedFuture(error);
        }
      }
      return super.send(record, callback);
    }
  }

  /** application id, process id (a UUID of 36 characters), thread: the process id is replaced. */
  private String stable(String given) {
    int thread = given.lastIndexOf('-');
    int process = thread - 36;
    if (process <= 0 || !given.substring(process, thread).matches("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")) {
      return given;
    }
    return given.substring(0, process) + instance + given.substring(thread);
  }

  @Override public Consumer<byte[], byte[]> getConsumer(Map<String, Object> config) {
    return new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer());
  }

  @Override public Consumer<byte[], byte[]> getRestoreConsumer(Map<String, Object> config) {
    return getConsumer(config);
  }

  @Override public Consumer<byte[], byte[]> getGlobalConsumer(Map<String, Object> config) {
    return getConsumer(config);
  }
}
