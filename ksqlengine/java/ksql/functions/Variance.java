package ksql.functions;

import ksql.runtime.Udaf;

/** The sample variance by a running sum of squares about the mean: the state is count, sum, that sum. Nulls are left out. */
public class Variance extends Udaf {
  @Override public Object init() {
    return new Object[] {0L, 0.0, 0.0};
  }

  @Override public Object add(Object state, Object arg) {
    if (arg == null) {
      return state;
    }
    Object[] s = (Object[]) state;
    double v = ((Number) arg).doubleValue();
    long n = (Long) s[0] + 1;
    double sum = (Double) s[1] + v;
    return new Object[] {n, sum, (Double) s[2] + share(n, v, sum)};
  }

  @Override public Object undo(Object state, Object arg) {
    if (arg == null) {
      return state;
    }
    Object[] s = (Object[]) state;
    double v = ((Number) arg).doubleValue();
    long n = (Long) s[0];
    double sum = (Double) s[1];
    return new Object[] {n - 1, sum - v, (Double) s[2] - share(n, v, sum)};
  }

  /** What the last of n values adds to the sum of squares; `sum` has it in. */
  private static double share(long n, double v, double sum) {
    double t = n * v - sum;
    return n > 1 ? t * t / ((double) n * (n - 1)) : 0;
  }

  @Override public Object merge(Object left, Object right) {
    Object[] l = (Object[]) left;
    Object[] r = (Object[]) right;
    long n = (Long) l[0];
    long m = (Long) r[0];
    if (n == 0 || m == 0) {
      return n == 0 ? right : left;
    }
    double t = (Double) l[1] * m / n - (Double) r[1];
    return new Object[] {n + m, (Double) l[1] + (Double) r[1], (Double) l[2] + (Double) r[2] + (double) n / m / (n + m) * t * t};
  }

  @Override public Object result(Object state) {
    Object[] s = (Object[]) state;
    return (Long) s[0] < 2 ? 0.0 : (Double) s[2] / ((Long) s[0] - 1);
  }
}
