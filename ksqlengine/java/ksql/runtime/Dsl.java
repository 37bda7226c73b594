package ksql.runtime;

import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.kstream.Aggregator;
import org.apache.kafka.streams.kstream.Initializer;
import org.apache.kafka.streams.kstream.KeyValueMapper;
import org.apache.kafka.streams.kstream.Merger;
import org.apache.kafka.streams.kstream.Predicate;
import org.apache.kafka.streams.kstream.ValueJoiner;
import org.apache.kafka.streams.kstream.ValueMapper;
import org.apache.kafka.streams.kstream.ValueMapperWithKey;
import org.apache.kafka.streams.kstream.Windowed;

/** Put generated functions into the shapes that Kafka Streams asks for. */
public final class Dsl {
  private Dsl() {
  }

  public static Predicate<Object, Object[]> predicate(RowPredicate p) {
    return (k, row) -> row != null && p.test(row);
  }

  public static Predicate<Object, Object[]> notNull() {
    return (k, row) -> row != null;
  }

  public static ValueMapper<Object[], Object[]> map(RowFunction f) {
    return row -> row == null ? null : f.apply(row);
  }

  /** Map the row of a group: the slots of window bounds are filled from the key first. */
  public static ValueMapperWithKey<Object, Object[], Object[]> mapWindowed(RowFunction f, int start, int end) {
    return (k, row) -> {
      if (row == null) {
        return null;
      }
      Object[] r = row.clone();
      if (k instanceof Windowed) {
        r[start] = ((Windowed<?>) k).window().start();
        r[end] = ((Windowed<?>) k).window().end();
      } else {
        r[start] = ((Key) k).windowStart;
        r[end] = ((Key) k).windowEnd;
      }
      return f == null ? r : f.apply(r);
    };
  }

  /** A new key. Where the row is null, it is computed from the old key's columns alone (column i into slot i). */
  public static KeyValueMapper<Object, Object[], Key> key(RowFunction f, int[] columns, int[] slots, int width) {
    return (k, row) -> {
      Object[] r = row;
      if (r == null) {
        r = new Object[width];
        Object[] old = k == null ? null : ((Key) k).columns();
        for (int i = 0; i < columns.length && old != null; i++) {
          r[slots[i]] = old[columns[i]];
        }
      }
      return keyOf(f.apply(r));
    };
  }

  /** A new key; null where a column is null, so that the record is not grouped. */
  public static KeyValueMapper<Object, Object[], Key> groupKey(RowFunction f) {
    return (k, row) -> row == null ? null : complete(f.apply(row));
  }

  public static KeyValueMapper<Object, Object[], KeyValue<Key, Object[]>> groupPair(RowFunction f) {
    return (k, row) -> KeyValue.pair(row == null ? null : complete(f.apply(row)), row);
  }

  private static Key complete(Object[] columns) {
    for (Object column : columns) {
      if (column == null) {
        return null;
      }
    }
    return new Key(columns);
  }

  private static Key keyOf(Object[] columns) {
    return columns.length == 1 && columns[0] == null ? null : new Key(columns);
  }

  public static Initializer<Object[]> init(Aggregation a) {
    return a::init;
  }

  public static Aggregator<Object, Object[], Object[]> add(Aggregation a) {
    return (k, row, state) -> a.add(row, state);
  }

  public static Aggregator<Object, Object[], Object[]> undo(Aggregation a) {
    return (k, row, state) -> a.undo(row, state);
  }

  public static Merger<Object, Object[]> merge(Aggregation a) {
    return (k, left, right) -> a.merge(left, right);
  }

  public static ValueMapper<Object[], Iterable<Object[]>> expand(TableFunction f) {
    return row -> {
      List<?>[] columns = f.expand(row);
      int n = 0;
      for (List<?> c : columns) {
        n = c == null ? n : Math.max(n, c.size());
      }
      List<Object[]> rows = new ArrayList<>(n);
      for (int i = 0; i < n; i++) {
        Object[] out = java.util.Arrays.copyOf(row, row.length + columns.length);
        for (int c = 0; c < columns.length; c++) {
          out[row.length + c] = columns[c] != null && i < columns[c].size() ? columns[c].get(i) : null;
        }
        rows.add(out);
      }
      return rows;
    };
  }

  /** Put two rows side by side; a missing one is all nulls. */
  public static ValueJoiner<Object[], Object[], Object[]> join(int left, int right) {
    return (l, r) -> {
      Object[] out = new Object[left + right];
      if (l != null) {
        System.arraycopy(l, 0, out, 0, left);
      }
      if (r != null) {
        System.arraycopy(r, 0, out, left, right);
      }
      return out;
    };
  }

  /** The same where Kafka Streams' left is our right. */
  public static ValueJoiner<Object[], Object[], Object[]> joinSwapped(int left, int right) {
    ValueJoiner<Object[], Object[], Object[]> straight = join(left, right);
    return (r, l) -> straight.apply(l, r);
  }

  /** The same key, to be written anew in another format. */
  public static KeyValueMapper<Object, Object[], Key> sameKey() {
    return (k, row) -> k == null ? null : new Key(((Key) k).columns(), ((Key) k).windowStart, ((Key) k).windowEnd);
  }

  public static KeyValueMapper<Object, Object[], Key> noKey() {
    return (k, row) -> null;
  }

  /** Read the foreign key of a row. */
  public static java.util.function.Function<Object[], Key> foreignKey(RowFunction f) {
    return row -> row == null ? null : complete(f.apply(row));
  }

  /** Write the join's key into a slot of the row. */
  public static ValueMapperWithKey<Object, Object[], Object[]> keyInto(int slot) {
    return (k, row) -> {
      if (row == null) {
        return null;
      }
      Object[] out = java.util.Arrays.copyOf(row, Math.max(row.length, slot + 1));
      Object inner = k instanceof Windowed ? ((Windowed<?>) k).key() : k;
      out[slot] = inner == null ? null : ((Key) inner).columns()[0];
      return out;
    };
  }
}
