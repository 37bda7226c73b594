package ksql.functions;

import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import ksql.runtime.SqlType;
import ksql.runtime.Udaf;

/** SUM of decimals, in the digits of the result's type. */
public final class SumDecimal extends Udaf {
  private final SqlType type;
  private final MathContext digits;

  public SumDecimal(SqlType type) {
    this.type = type;
    this.digits = new MathContext(type.precision, RoundingMode.UNNECESSARY);
  }

  @Override public Object init() {
    return BigDecimal.ZERO.setScale(type.scale);
  }

  @Override public Object add(Object state, Object arg) {
    return arg == null ? state : ((BigDecimal) state).add((BigDecimal) arg, digits);
  }

  @Override public Object undo(Object state, Object arg) {
    return arg == null ? state : ((BigDecimal) state).subtract((BigDecimal) arg, digits);
  }

  @Override public Object merge(Object left, Object right) {
    return ((BigDecimal) left).add((BigDecimal) right, digits);
  }
}
