package ksql.functions;

import ksql.runtime.Udaf;

/** Pearson's correlation of two columns; a record in which one is null is left out; NaN where it has no meaning. */
public final class Correlation extends Udaf {
  @Override public Object init() {
    return new Object[] {0L, 0.0, 0.0, 0.0, 0.0, 0.0};
  }

  private static Object[] plus(Object state, long n, double x, double y, double xx, double yy, double xy) {
    Object[] s = (Object[]) state;
    return new Object[] {(Long) s[0] + n, (Double) s[1] + x, (Double) s[2] + y, (Double) s[3] + xx, (Double) s[4] + yy, (Double) s[5] + xy};
  }

  private static Object step(Object state, Object arg, int sign) {
    Object[] pair = (Object[]) arg;
    if (pair[0] == null || pair[1] == null) {
      return state;
    }
    double x = ((Number) pair[0]).doubleValue();
    double y = ((Number) pair[1]).doubleValue();
    return plus(state, sign, sign * x, sign * y, sign * x * x, sign * y * y, sign * x * y);
  }

  @Override public Object add(Object state, Object arg) {
    return step(state, arg, 1);
  }

  @Override public Object undo(Object state, Object arg) {
    return step(state, arg, -1);
  }

  @Override public Object merge(Object left, Object right) {
    Object[] r = (Object[]) right;
    return plus(left, (Long) r[0], (Double) r[1], (Double) r[2], (Double) r[3], (Double) r[4], (Double) r[5]);
  }

  @Override public Object result(Object state) {
    Object[] s = (Object[]) state;
    long n = (Long) s[0];
    double x = (Double) s[1];
    double y = (Double) s[2];
    double spread = Math.sqrt(n * (Double) s[3] - x * x) * Math.sqrt(n * (Double) s[4] - y * y);
    return (n * (Double) s[5] - x * y) / spread;
  }
}
