package ksql.functions;

import ksql.runtime.Udaf;

/** SUM of Long values. */
public final class SumBigint extends Udaf {
  @Override public Object init() {
    return 0L;
  }

  @Override public Object add(Object state, Object arg) {
    return arg == null ? state : (Object) ((Long) state + (Long) arg);
  }

  @Override public Object undo(Object state, Object arg) {
    return arg == null ? state : (Object) ((Long) state - (Long) arg);
  }

  @Override public Object merge(Object left, Object right) {
    return (Long) left + (Long) right;
  }
}
