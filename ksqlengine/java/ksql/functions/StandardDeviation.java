package ksql.functions;

/** The sample standard deviation. */
public final class StandardDeviation extends Variance {
  @Override public Object result(Object state) {
    return Math.sqrt((Double) super.result(state));
  }
}
