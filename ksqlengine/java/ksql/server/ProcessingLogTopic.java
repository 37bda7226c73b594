package ksql.server;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import ksql.runtime.ProcessingLog;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Write the processing log to its topic, in ksqlDB's shape. Queries never wait for it: entries wait in a queue of fixed
 * size, and those that find it full are counted as lost.
 */
public final class ProcessingLogTopic implements ProcessingLog.Listener {
  private static final int QUEUED = 10_000;
  private static final String[] BODIES = {
    "deserializationError", "recordProcessingError", "productionError", "serializationError", "kafkaStreamsThreadError"};
  private static final JsonFactory JSON = new JsonFactory();

  /** What is written, with the time at which it happened. */
  private static final class Timed {
    final ProcessingLog.Entry entry;
    final long time = System.currentTimeMillis();

    Timed(ProcessingLog.Entry entry) {
      this.entry = entry;
    }
  }

  /** Make the topic, the first time that there is something to write. */
  public interface Opener {
    void open();
  }

  private final BlockingQueue<Timed> queue = new ArrayBlockingQueue<>(QUEUED);
  private final AtomicLong lost = new AtomicLong();
  private final Map<String, Object> connection;
  private final String topic;
  private final boolean withRows;
  private final Opener opener;
  private final Thread writer = new Thread(this::run, "processing-log");
  private volatile boolean stopped;
  private KafkaProducer<byte[], byte[]> producer;

  /** withRows: ksql.logging.processing.rows.include. */
  public ProcessingLogTopic(Map<String, Object> connection, String topic, boolean withRows, Opener opener) {
    this.connection = connection;
    this.topic = topic;
    this.withRows = withRows;
    this.opener = opener;
    writer.setDaemon(true);
    writer.start();
  }

  @Override public void problem(ProcessingLog.Entry entry) {
    if (!queue.offer(new Timed(entry))) {
      lost.incrementAndGet();
    }
  }

  public long lost() {
    return lost.get();
  }

  /** Write what waits, then end; at most some seconds. */
  public void close() {
    stopped = true;
    try {
      writer.join(5_000);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void run() {
    try {
      while (true) {
        Timed next = queue.poll(200, TimeUnit.MILLISECONDS);
        if (next != null) {
          write(next);
        } else if (stopped) {
          break;
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      if (producer != null) {
        producer.close(Duration.ofSeconds(3));
      }
    }
  }

  private void write(Timed timed) {
    try {
      if (producer == null) {
        opener.open();
        producer = new KafkaProducer<>(connection, new ByteArraySerializer(), new ByteArraySerializer());
      }
      producer.send(new ProducerRecord<>(topic, text(timed)), (done, error) -> {
        if (error != null) {
          lost.incrementAndGet();
        }
      });
    } catch (RuntimeException e) { // the log must not end because one entry of it cannot be written
      lost.incrementAndGet();
    }
  }

  private byte[] text(Timed timed) {
    ProcessingLog.Entry e = timed.entry;
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (JsonGenerator json = JSON.createGenerator(out)) {
      json.writeStartObject();
      json.writeStringField("level", "ERROR");
      json.writeStringField("logger", "processing." + e.query + "." + e.step);
      json.writeNumberField("time", timed.time);
      json.writeObjectFieldStart("message");
      json.writeNumberField("type", e.type);
      for (int type = 0; type < BODIES.length; type++) {
        json.writeFieldName(BODIES[type]);
        if (type == e.type) {
          body(json, e);
        } else {
          json.writeNull();
        }
      }
      json.writeEndObject();
      json.writeEndObject();
    } catch (IOException ex) {
      throw new UncheckedIOException(ex);
    }
    return out.toByteArray();
  }

  private void body(JsonGenerator json, ProcessingLog.Entry e) throws IOException {
    json.writeStartObject();
    boolean read = e.type == ProcessingLog.DESERIALIZATION;
    if (read || e.type == ProcessingLog.SERIALIZATION) {
      json.writeStringField("target", e.target);
    }
    json.writeStringField("errorMessage", e.message);
    if (read) {
      json.writeStringField("recordB64", row(e, true));
    } else if (e.type == ProcessingLog.PROCESSING || e.type == ProcessingLog.SERIALIZATION) {
      json.writeStringField("record", row(e, false));
    }
    if (e.type == ProcessingLog.THREAD) {
      json.writeStringField("threadName", e.thread);
    }
    if (e.type != ProcessingLog.PRODUCTION) {
      causes(json, e.causes);
    }
    if (read || e.type == ProcessingLog.SERIALIZATION) {
      json.writeStringField("topic", e.topic);
    }
    json.writeEndObject();
  }

  private String row(ProcessingLog.Entry e, boolean base64) {
    if (!withRows || e.record == null) {
      return null;
    }
    return base64 ? Base64.getEncoder().encodeToString(e.record) : new String(e.record, java.nio.charset.StandardCharsets.UTF_8);
  }

  private static void causes(JsonGenerator json, List<String> causes) throws IOException {
    json.writeArrayFieldStart("cause");
    for (String cause : causes) {
      json.writeString(cause);
    }
    json.writeEndArray();
  }
}
