package ksql.server;

import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.streams.KafkaClientSupplier;

/**
 * Make a query's clients. Kafka Streams draws a new transactional id at each start when no store is on disk, so that what a
 * killed server left open blocks its successor until it times out (10 s and more). With an id that stays the same the
 * successor ends it at once, as with stores on disk.
 */
public final class StableClients implements KafkaClientSupplier {
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
    return new KafkaProducer<>(own, new ByteArraySerializer(), new ByteArraySerializer());
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
