package ksql.runtime;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What went wrong with single records: counted for each query, and handed to a listener (the server writes them to a topic). */
public final class ProcessingLog {
  public static final int DESERIALIZATION = 0;
  public static final int PROCESSING = 1;
  public static final int PRODUCTION = 2;
  public static final int SERIALIZATION = 3;
  public static final int THREAD = 4;

  /** One entry; what does not apply to its type is null. */
  public static final class Entry {
    public final int type;
    public final String query;
    /** The step, as it ends the logger's name. */
    public final String step;
    public final String message;
    public final List<String> causes;
    /** key or value. */
    public String target;
    public String topic;
    public byte[] record;
    public String thread;

    Entry(int type, String query, String step, String message, Throwable error) {
      this.type = type;
      this.query = query;
      this.step = step;
      this.message = message;
      this.causes = causes(error);
    }
  }

  /** Hear of a problem, in the thread of the query: must not wait. */
  public interface Listener {
    void problem(Entry entry);
  }

  private static final Map<String, AtomicLong> COUNTS = new ConcurrentHashMap<>();
  private static final Pattern THREAD_NAME = Pattern.compile("(?:.*query_)?(.*)-[0-9a-f-]{36}-StreamThread-\\d+");
  private static volatile Listener listener;

  private ProcessingLog() {
  }

  public static void listen(Listener l) {
    listener = l;
  }

  /** Problems of each query of this process so far. */
  public static Map<String, Long> counts() {
    Map<String, Long> out = new TreeMap<>();
    COUNTS.forEach((query, count) -> out.put(query, count.get()));
    return out;
  }

  /** A record of a source that cannot be read; target is key or value. */
  public static void deserialization(String query, String topic, String target, byte[] record, Throwable error) {
    Entry entry = new Entry(DESERIALIZATION, query, "KsqlTopic.Source.deserializer", "Error deserializing message from topic: " + topic, error);
    entry.target = target;
    entry.topic = topic;
    entry.record = record;
    tell(entry);
  }

  /** A record that a step cannot take. */
  public static void processing(String query, String step, String message, byte[] record, Throwable error) {
    Entry entry = new Entry(PROCESSING, query, step, message, error);
    entry.record = record;
    tell(entry);
  }

  /** A result that has no bytes in the sink's format. */
  public static void serialization(String query, String topic, String target, Throwable error) {
    Entry entry = new Entry(SERIALIZATION, query, "KsqlTopic.Sink.serializer", "Error serializing message to topic: " + topic, error);
    entry.target = target;
    entry.topic = topic;
    tell(entry);
  }

  /** A result that Kafka does not take. */
  public static void production(String query, String topic, Throwable error) {
    tell(new Entry(PRODUCTION, query, "KsqlTopic.Sink", "Error producing to topic " + topic + ": " + error.getMessage(), error));
  }

  /** A query's thread that ended. */
  public static void thread(String query, String thread, Throwable error) {
    Entry entry = new Entry(THREAD, query, "thread.exception.uncaught", "Unhandled exception caught in streams thread", error);
    entry.thread = thread;
    tell(entry);
  }

  /** An expression that failed; its column is null (called by generated code). */
  public static void badExpression(String query, String expression, Throwable error) {
    String whose = query.isEmpty() ? queryOfThread() : query;
    tell(new Entry(PROCESSING, whose, "Project", "Error computing expression " + expression + ": " + error.getMessage(), error));
  }

  /** Parts of expressions do not know their query; Kafka Streams names its threads by the application. */
  private static String queryOfThread() {
    Matcher found = THREAD_NAME.matcher(Thread.currentThread().getName());
    return found.matches() ? found.group(1) : "";
  }

  private static void tell(Entry entry) {
    COUNTS.computeIfAbsent(entry.query, q -> new AtomicLong()).incrementAndGet();
    Listener l = listener;
    if (l != null) {
      l.problem(entry);
    }
  }

  private static List<String> causes(Throwable error) {
    List<String> out = new ArrayList<>();
    for (Throwable t = error; t != null && out.size() < 10; t = t.getCause()) {
      String text = t.getMessage() == null ? t.getClass().getName() : t.getMessage();
      if (out.isEmpty() || !out.get(out.size() - 1).equals(text)) {
        out.add(text);
      }
      if (t.getCause() == t) {
        break;
      }
    }
    return out;
  }
}
