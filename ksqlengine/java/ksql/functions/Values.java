package ksql.functions;

/** Functions over values of any type. */
public final class Values {
  private Values() {
  }

  public static Object asValue(Object v) {
    return v;
  }

  public static Object ifNull(Object v, Object other) {
    return v == null ? other : v;
  }

  public static Object coalesce(Object first, Object[] rest) {
    if (first != null) {
      return first;
    }
    for (Object v : rest) {
      if (v != null) {
        return v;
      }
    }
    return null;
  }

  public static Object nullIf(Object a, Object b) {
    return a != null && b != null && ksql.runtime.Ops.same(a, b) ? null : a;
  }
}
