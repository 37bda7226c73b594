package ksql.functions;

import java.math.BigDecimal;

/** Functions over numbers. */
public final class Numbers {
  private Numbers() {
  }

  public static Integer abs(Integer v) {
    return v == null ? null : (Integer) Math.abs(v);
  }

  public static Long abs(Long v) {
    return v == null ? null : (Long) Math.abs(v);
  }

  public static Double abs(Double v) {
    return v == null ? null : (Double) Math.abs(v);
  }

  public static BigDecimal abs(BigDecimal v) {
    return v == null ? null : v.abs();
  }
}
