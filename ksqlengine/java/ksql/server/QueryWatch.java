package ksql.server;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import ksql.runtime.ProcessingLog;
import org.apache.kafka.common.errors.AuthorizationException;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.streams.errors.MissingSourceTopicException;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler;

/** Keep a query's uncaught exceptions and decide whether a new thread may go on where the old one ended. */
public final class QueryWatch implements StreamsUncaughtExceptionHandler {
  private static final int KEPT = 10;
  private static final long WINDOW_MS = 60_000;
  private final int restarts;
  private final String query;
  private final ArrayDeque<Object[]> errors = new ArrayDeque<>();
  private final ArrayDeque<Long> recent = new ArrayDeque<>();

  public QueryWatch(int restarts, String query) {
    this.restarts = restarts;
    this.query = query;
  }

  @Override
  public synchronized StreamThreadExceptionResponse handle(Throwable error) {
    long now = System.currentTimeMillis();
    Throwable root = error;
    while (root.getCause() != null && root.getCause() != root) {
      root = root.getCause();
    }
    boolean user = root instanceof MissingSourceTopicException || root instanceof AuthorizationException;
    StringWriter text = new StringWriter();
    error.printStackTrace(new PrintWriter(text));
    errors.addLast(new Object[] {now, text.toString(), user ? "USER" : root instanceof RetriableException ? "SYSTEM" : "UNKNOWN"});
    ProcessingLog.thread(query, Thread.currentThread().getName(), error);
    while (errors.size() > KEPT) {
      errors.removeFirst();
    }
    recent.addLast(now);
    while (!recent.isEmpty() && recent.peekFirst() < now - WINDOW_MS) {
      recent.removeFirst();
    }
    // A thread that dies of the same record again and again is not replaced for ever: the query shows ERROR.
    if (user || recent.size() > restarts) {
      return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
    }
    return StreamThreadExceptionResponse.REPLACE_THREAD;
  }

  public synchronized List<Object[]> errors() {
    return new ArrayList<>(errors);
  }
}
