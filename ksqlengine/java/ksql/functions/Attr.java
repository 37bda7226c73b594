package ksql.functions;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import ksql.runtime.Udaf;

/** ATTR: the value that all records of a group share (null counts as a value), else null. The state counts each value. */
public final class Attr extends Udaf {
  @Override public Object init() {
    return new ArrayList<>();
  }

  private static Object plus(Object state, Object v, long n) {
    List<Object> out = new ArrayList<>((List<?>) state);
    for (int i = 0; i < out.size(); i++) {
      Object[] pair = (Object[]) out.get(i);
      if (Objects.equals(pair[0], v)) {
        long count = (Long) pair[1] + n;
        if (count == 0) {
          out.remove(i);
        } else {
          out.set(i, new Object[] {v, count});
        }
        return out;
      }
    }
    out.add(new Object[] {v, n});
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
    for (Object pair : (List<?>) right) {
      out = plus(out, ((Object[]) pair)[0], (Long) ((Object[]) pair)[1]);
    }
    return out;
  }

  @Override public Object result(Object state) {
    List<?> pairs = (List<?>) state;
    return pairs.size() == 1 ? ((Object[]) pairs.get(0))[0] : null;
  }
}
