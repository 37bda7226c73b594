package ksql.functions;

import java.math.BigDecimal;
import ksql.runtime.Casts;
import ksql.runtime.SqlType;
import ksql.runtime.Udaf;

/**
 * SUM of decimals, in the digits of the result's type. The state is exact, so that what is added can be taken back; a sum
 * that does not fit is an error where it is read, which makes it null, until it fits again.
 */
public final class SumDecimal extends Udaf {
  private final SqlType type;

  public SumDecimal(SqlType type) {
    this.type = type;
  }

  @Override public Object init() {
    return BigDecimal.ZERO.setScale(type.scale);
  }

  @Override public Object add(Object state, Object arg) {
    return arg == null ? state : ((BigDecimal) state).add((BigDecimal) arg);
  }

  @Override public Object undo(Object state, Object arg) {
    return arg == null ? state : ((BigDecimal) state).subtract((BigDecimal) arg);
  }

  @Override public Object merge(Object left, Object right) {
    return ((BigDecimal) left).add((BigDecimal) right);
  }

  @Override public Object result(Object state) {
    return Casts.fit((BigDecimal) state, type.precision, type.scale);
  }
}
