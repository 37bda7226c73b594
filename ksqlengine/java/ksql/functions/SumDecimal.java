package ksql.functions;

import java.math.BigDecimal;
import ksql.runtime.Casts;
import ksql.runtime.SqlType;
import ksql.runtime.Udaf;

/** SUM of decimals, in the digits of the result's type; what does not fit is an error, and the sum stays what it was. */
public final class SumDecimal extends Udaf {
  private final SqlType type;

  public SumDecimal(SqlType type) {
    this.type = type;
  }

  private BigDecimal fit(BigDecimal sum) {
    return Casts.fit(sum, type.precision, type.scale);
  }

  @Override public Object init() {
    return BigDecimal.ZERO.setScale(type.scale);
  }

  @Override public Object add(Object state, Object arg) {
    return arg == null ? state : fit(((BigDecimal) state).add((BigDecimal) arg));
  }

  @Override public Object undo(Object state, Object arg) {
    return arg == null ? state : fit(((BigDecimal) state).subtract((BigDecimal) arg));
  }

  @Override public Object merge(Object left, Object right) {
    return fit(((BigDecimal) left).add((BigDecimal) right));
  }
}
