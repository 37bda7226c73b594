package ksql.server;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * The rows of a push query between its topology and its reader: a bounded queue, so that a slow reader holds the
 * topology back instead of filling the memory.
 */
public final class PushRows {
  private final ArrayBlockingQueue<String> rows;
  private volatile boolean closed;

  public PushRows(int capacity) {
    rows = new ArrayBlockingQueue<>(capacity);
  }

  /** Called by the topology's thread. Waits while the reader is behind; gives up when the reader has left. */
  public void put(Object[] values, boolean deleted) {
    String text = RowText.of(values);
    try {
      while (!closed && !rows.offer(deleted ? "!" + text : text, 100, TimeUnit.MILLISECONDS)) {
        continue;
      }
    } catch (InterruptedException e) {
      closed = true;
      Thread.currentThread().interrupt();
    }
  }

  /** Give up to max rows without waiting, joined by new lines; null when there is none. */
  public String take(int max) {
    List<String> taken = new ArrayList<>();
    rows.drainTo(taken, max);
    return taken.isEmpty() ? null : String.join("\n", taken);
  }

  public void close() {
    closed = true;
    rows.clear();
  }
}
