package ksql.functions;

import java.util.ArrayList;
import java.util.List;
import ksql.runtime.Udaf;

/** COLLECT_LIST: the first values, up to a limit. */
public class CollectList extends Udaf {
  private final int limit;

  public CollectList() {
    this(Integer.MAX_VALUE);
  }

  public CollectList(Integer limit) {
    this.limit = limit;
  }

  boolean takes(List<?> list, Object v) {
    return true;
  }

  @Override public Object init() {
    return new ArrayList<>();
  }

  @Override public Object add(Object state, Object arg) {
    List<?> old = (List<?>) state;
    if (old.size() >= limit || !takes(old, arg)) {
      return state;
    }
    List<Object> out = new ArrayList<>(old);
    out.add(arg);
    return out;
  }

  @Override public Object undo(Object state, Object arg) {
    List<Object> out = new ArrayList<>((List<?>) state);
    int at = out.lastIndexOf(arg);
    if (at >= 0) {
      out.remove(at);
    }
    return out;
  }

  @Override public Object merge(Object left, Object right) {
    Object out = left;
    for (Object v : (List<?>) right) {
      out = add(out, v);
    }
    return out;
  }
}
