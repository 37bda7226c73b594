package ksql.functions;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import ksql.runtime.Udaf;

/**
 * LATEST_BY_OFFSET and EARLIEST_BY_OFFSET: the state is a list of (sequence, value), oldest first. The sequence tells
 * which of two sessions' values came first when they are merged; it goes on rising when a server starts again.
 */
public abstract class ByOffset extends Udaf {
  private static final AtomicLong SEQUENCE = new AtomicLong(System.currentTimeMillis() << 20);

  private final boolean latest;
  private final int size;
  private final boolean single;
  private final boolean ignoreNulls;

  ByOffset(boolean latest, Integer size, Boolean ignoreNulls) {
    if (size != null && size <= 0) {
      throw new IllegalArgumentException((latest ? "latestN" : "earliestN") + " must be 1 or greater");
    }
    this.latest = latest;
    this.single = size == null;
    this.size = single ? 1 : size;
    this.ignoreNulls = ignoreNulls;
  }

  @Override public Object init() {
    return new ArrayList<>();
  }

  @Override public Object add(Object state, Object arg) {
    List<?> old = (List<?>) state;
    if (arg == null && ignoreNulls || !latest && old.size() >= size) {
      return state;
    }
    List<Object> out = new ArrayList<>(old);
    out.add(new Object[] {SEQUENCE.incrementAndGet(), arg});
    return cut(out);
  }

  private Object cut(List<Object> list) {
    return list.size() <= size ? list
        : new ArrayList<>(latest ? list.subList(list.size() - size, list.size()) : list.subList(0, size));
  }

  @Override public Object merge(Object left, Object right) {
    List<Object> out = new ArrayList<>((List<?>) left);
    out.addAll((List<?>) right);
    out.sort(Comparator.comparing(pair -> (Long) ((Object[]) pair)[0]));
    return cut(out);
  }

  @Override public Object result(Object state) {
    List<Object> out = new ArrayList<>();
    for (Object pair : (List<?>) state) {
      out.add(((Object[]) pair)[1]);
    }
    return !single ? out : out.isEmpty() ? null : out.get(0);
  }
}
