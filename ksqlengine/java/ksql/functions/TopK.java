package ksql.functions;

import java.util.ArrayList;
import java.util.List;
import ksql.runtime.Ops;
import ksql.runtime.Udaf;

/** TOPK: the greatest values, greatest first; of equals the older comes first. Nulls are left out. */
public class TopK extends Udaf {
  private final int size;

  public TopK(Integer size) {
    if (size <= 0) {
      throw new IllegalArgumentException("'k' must be a positive number");
    }
    this.size = size;
  }

  Object sortedBy(Object v) {
    return v;
  }

  boolean takes(List<?> list, Object v) {
    return sortedBy(v) != null;
  }

  @Override public Object init() {
    return new ArrayList<>();
  }

  @Override public Object add(Object state, Object arg) {
    List<?> old = (List<?>) state;
    if (!takes(old, arg)) {
      return state;
    }
    int at = old.size();
    while (at > 0 && Ops.compare(sortedBy(arg), sortedBy(old.get(at - 1))) > 0) {
      at--;
    }
    if (at >= size) {
      return state;
    }
    List<Object> out = new ArrayList<>(old);
    out.add(at, arg);
    return out.size() > size ? new ArrayList<>(out.subList(0, size)) : out;
  }

  @Override public Object merge(Object left, Object right) {
    Object out = left;
    for (Object v : (List<?>) right) {
      out = add(out, v);
    }
    return out;
  }
}
