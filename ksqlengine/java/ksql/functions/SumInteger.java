package ksql.functions;

import ksql.runtime.Udaf;

/** SUM of Integer values. */
public final class SumInteger extends Udaf {
  @Override public Object init() {
    return 0;
  }

  @Override public Object add(Object state, Object arg) {
    return arg == null ? state : (Object) ((Integer) state + (Integer) arg);
  }

  @Override public Object undo(Object state, Object arg) {
    return arg == null ? state : (Object) ((Integer) state - (Integer) arg);
  }

  @Override public Object merge(Object left, Object right) {
    return (Integer) left + (Integer) right;
  }
}
