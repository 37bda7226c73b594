package ksql.server;

import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import ksql.runtime.Codec;
import ksql.runtime.Key;
import ksql.runtime.RowFunction;
import ksql.runtime.StoreView;
import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.ReadOnlyKeyValueStore;
import org.apache.kafka.streams.state.ReadOnlySessionStore;
import org.apache.kafka.streams.state.ReadOnlyWindowStore;
import org.apache.kafka.streams.state.ValueAndTimestamp;
import org.apache.kafka.streams.state.WindowStoreIterator;

/** Read a store for a pull query: some keys or all, WHERE and SELECT evaluated here, rows given as JSON text. */
public final class PullScan {
  private final int[] slots;
  private final StoreView view;
  private final RowFunction where;
  private final RowFunction select;
  private final int limit;
  private final long windowSize;
  private final List<String> rows = new ArrayList<>();
  private final List<List<String>> parts = new ArrayList<>();
  private Codec keyCodec;

  /**
   * Slots say where a row's columns come from: n is value column n, -n-1 is key column n. A row has these columns, then
   * ROWTIME, ROWPARTITION, ROWOFFSET, WINDOWSTART, WINDOWEND. The view makes the table's row of what is stored. A null WHERE keeps all; a limit below 0 is none.
   */
  public PullScan(int[] slots, StoreView view, RowFunction where, RowFunction select, int limit, long windowSize) {
    this.view = view;
    this.slots = slots;
    this.where = where;
    this.select = select;
    this.limit = limit;
    this.windowSize = windowSize;
  }

  /** Give rows as several partitions' stores would: this one store has the keys of all of them. */
  public void byPartition(Codec keys, int partitions) {
    keyCodec = keys;
    for (int i = 0; i < partitions; i++) {
      parts.add(new ArrayList<>());
    }
  }

  public List<String> rows() {
    for (List<String> part : parts) {
      rows.addAll(part);
    }
    parts.clear();
    return rows;
  }

  private boolean full() {
    return limit >= 0 && rows.size() >= limit;
  }

  private List<String> place(Object[] keys) {
    if (keyCodec == null || keys == null) {
      return rows;
    }
    byte[] data = keyCodec.write(keys);
    return data == null ? rows : parts.get(BuiltInPartitioner.partitionForKey(data, parts.size()));
  }

  private void row(Key key, Object value, long timestamp, long start, long end, boolean windowed) {
    if (value == null) {
      return;
    }
    Object[] columns = view == null ? (Object[]) value : view.apply(key, start, end, (Object[]) value);
    if (columns == null) {
      return;
    }
    Object[] keys = key.columns();
    Object[] row = new Object[slots.length + 5];
    for (int i = 0; i < slots.length; i++) {
      row[i] = slots[i] >= 0 ? columns[slots[i]] : keys == null ? null : keys[-slots[i] - 1];
    }
    row[slots.length] = timestamp;
    if (windowed) {
      row[slots.length + 3] = start;
      row[slots.length + 4] = end;
    }
    if (where != null && !Boolean.TRUE.equals(where.apply(row)[0])) {
      return;
    }
    place(keys).add(RowText.of(select.apply(row)));
  }

  private static Object value(Object stored) {
    return stored instanceof ValueAndTimestamp ? ((ValueAndTimestamp<?>) stored).value() : stored;
  }

  private static long time(Object stored, long otherwise) {
    return stored instanceof ValueAndTimestamp ? ((ValueAndTimestamp<?>) stored).timestamp() : otherwise;
  }

  private void plain(Key key, Object stored) {
    row(key, value(stored), time(stored, -1), key.windowStart, key.windowEnd, key.windowStart != Key.NO_WINDOW);
  }

  /** Keys are null for a scan. A key that has a window came with it from a windowed source. */
  public void keyValue(ReadOnlyKeyValueStore<Key, Object> store, List<Object[]> keys) {
    if (keys != null) {
      for (Object[] columns : keys) {
        if (full()) {
          return;
        }
        Key key = new Key(columns);
        Object stored = store.get(key);
        if (stored != null) {
          plain(key, stored);
        }
      }
      return;
    }
    try (KeyValueIterator<Key, Object> all = store.all()) {
      while (all.hasNext() && !full()) {
        KeyValue<Key, Object> next = all.next();
        plain(next.key, next.value);
      }
    }
  }

  /** Only windows that start in [from, to] are read. */
  public void window(ReadOnlyWindowStore<Key, Object> store, List<Object[]> keys, long from, long to) {
    Instant first = Instant.ofEpochMilli(from);
    Instant last = Instant.ofEpochMilli(to);
    if (keys != null) {
      for (Object[] columns : keys) {
        Key key = new Key(columns);
        try (WindowStoreIterator<Object> found = store.fetch(key, first, last)) {
          while (found.hasNext() && !full()) {
            KeyValue<Long, Object> next = found.next();
            row(key, value(next.value), time(next.value, -1), next.key, next.key + windowSize, true);
          }
        }
      }
      return;
    }
    try (KeyValueIterator<Windowed<Key>, Object> all = store.fetchAll(first, last)) {
      while (all.hasNext() && !full()) {
        KeyValue<Windowed<Key>, Object> next = all.next();
        long start = next.key.window().start();
        row(next.key.key(), value(next.value), time(next.value, -1), start, start + windowSize, true);
      }
    }
  }

  /** A session's ROWTIME is its end. */
  public void session(ReadOnlySessionStore<Key, Object> store, List<Object[]> keys) {
    if (keys != null) {
      for (Object[] columns : keys) {
        sessions(store.fetch(new Key(columns)));
      }
      return;
    }
    // a session store cannot be iterated as a whole: fetch a range of all keys
    sessions(store.fetch(null, null));
  }

  private void sessions(KeyValueIterator<Windowed<Key>, Object> found) {
    try (KeyValueIterator<Windowed<Key>, Object> sessions = found) {
      while (sessions.hasNext() && !full()) {
        KeyValue<Windowed<Key>, Object> next = sessions.next();
        long end = next.key.window().end();
        row(next.key.key(), value(next.value), time(next.value, end), next.key.window().start(), end, true);
      }
    }
  }
}
