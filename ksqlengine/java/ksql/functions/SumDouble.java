package ksql.functions;

import ksql.runtime.Udaf;

/** SUM of Double values. */
public final class SumDouble extends Udaf {
  @Override public Object init() {
    return 0.0;
  }

  @Override public Object add(Object state, Object arg) {
    return arg == null ? state : (Object) ((Double) state + (Double) arg);
  }

  @Override public Object undo(Object state, Object arg) {
    return arg == null ? state : (Object) ((Double) state - (Double) arg);
  }

  @Override public Object merge(Object left, Object right) {
    return (Double) left + (Double) right;
  }
}
