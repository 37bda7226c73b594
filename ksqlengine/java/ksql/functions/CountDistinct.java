package ksql.functions;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import ksql.runtime.Udaf;

/** COUNT_DISTINCT: exact, where ksqlDB estimates; the state holds each value once. */
public final class CountDistinct extends Udaf {
  @Override public Object init() {
    return new ArrayList<>();
  }

  @Override public Object add(Object state, Object arg) {
    if (arg == null || ((List<?>) state).contains(arg)) {
      return state;
    }
    List<Object> out = new ArrayList<>((List<?>) state);
    out.add(arg);
    return out;
  }

  @Override public Object merge(Object left, Object right) {
    Set<Object> out = new LinkedHashSet<>((List<?>) left);
    out.addAll((List<?>) right);
    return new ArrayList<>(out);
  }

  @Override public Object result(Object state) {
    return (long) ((List<?>) state).size();
  }
}
