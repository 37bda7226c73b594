package ksql.functions;

import java.util.LinkedHashMap;
import java.util.Map;
import ksql.runtime.Udaf;

/** HISTOGRAM: how often each value came; new values are left out once there are a thousand. */
public final class Histogram extends Udaf {
  private static final int LIMIT = 1000;

  @Override public Object init() {
    return new LinkedHashMap<>();
  }

  @SuppressWarnings("unchecked")
  private static Object plus(Object state, Object v, long n) {
    Map<Object, Long> old = (Map<Object, Long>) state;
    if (old.size() >= LIMIT && !old.containsKey(v)) {
      return state;
    }
    Map<Object, Long> out = new LinkedHashMap<>(old);
    out.merge(v, n, (a, b) -> a + b == 0 ? null : (Long) (a + b));
    return out;
  }

  @Override public Object add(Object state, Object arg) {
    return plus(state, arg, 1);
  }

  @Override public Object undo(Object state, Object arg) {
    return plus(state, arg, -1);
  }

  @Override public Object merge(Object left, Object right) {
    Object out = left;
    for (Map.Entry<?, ?> e : ((Map<?, ?>) right).entrySet()) {
      out = plus(out, e.getKey(), (Long) e.getValue());
    }
    return out;
  }
}
