package ksql.functions;

import ksql.runtime.Udaf;

/** COUNT(*): every record counts. */
public class Count extends Udaf {
  @Override public Object init() {
    return 0L;
  }

  @Override public Object add(Object state, Object arg) {
    return (Long) state + 1;
  }

  @Override public Object undo(Object state, Object arg) {
    return (Long) state - 1;
  }

  @Override public Object merge(Object left, Object right) {
    return (Long) left + (Long) right;
  }
}
