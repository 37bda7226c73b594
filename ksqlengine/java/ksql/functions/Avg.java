package ksql.functions;

import ksql.runtime.Udaf;

/** AVG: the state is sum and count; nulls are left out; the average of nothing is 0. */
public final class Avg extends Udaf {
  @Override public Object init() {
    return new Object[] {0.0, 0L};
  }

  private static Object[] plus(Object state, double sum, long count) {
    Object[] s = (Object[]) state;
    return new Object[] {(Double) s[0] + sum, (Long) s[1] + count};
  }

  @Override public Object add(Object state, Object arg) {
    return arg == null ? state : plus(state, ((Number) arg).doubleValue(), 1);
  }

  @Override public Object undo(Object state, Object arg) {
    return arg == null ? state : plus(state, -((Number) arg).doubleValue(), -1);
  }

  @Override public Object merge(Object left, Object right) {
    Object[] r = (Object[]) right;
    return plus(left, (Double) r[0], (Long) r[1]);
  }

  @Override public Object result(Object state) {
    Object[] s = (Object[]) state;
    return (Long) s[1] == 0 ? 0.0 : (Double) s[0] / (Long) s[1];
  }
}
