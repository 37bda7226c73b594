package ksql.runtime;

import java.util.concurrent.atomic.AtomicLong;

/** What went wrong with single records: counted, and handed to a listener (the server writes them to a topic). */
public final class ProcessingLog {
  /** Hear of a problem: type (deserialization | expression | production), query, topic or expression, message, record bytes or null. */
  public interface Listener {
    void problem(String type, String query, String where, String message, byte[] record);
  }

  public static final AtomicLong BAD_RECORDS = new AtomicLong();
  public static final AtomicLong BAD_EXPRESSIONS = new AtomicLong();
  private static volatile Listener listener;

  private ProcessingLog() {
  }

  public static void listen(Listener l) {
    listener = l;
  }

  public static void badRecord(String query, String topic, String message, byte[] record) {
    BAD_RECORDS.incrementAndGet();
    Listener l = listener;
    if (l != null) {
      l.problem("deserialization", query, topic, message, record);
    }
  }

  public static void badExpression(String query, String expression, Throwable error) {
    BAD_EXPRESSIONS.incrementAndGet();
    Listener l = listener;
    if (l != null) {
      l.problem("expression", query, expression, String.valueOf(error.getMessage()), null);
    }
  }
}
