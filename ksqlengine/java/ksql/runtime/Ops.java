package ksql.runtime;

import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Operators of generated expressions. null in, null out, unless said otherwise. */
public final class Ops {
  /** One exception for all, without a stack: a null may come with each record. */
  private static final RuntimeException NULL_TRUTH = new RuntimeException("null is neither true nor false", null, false, false) { };

  private Ops() {
  }

  public static Integer add(Integer a, Integer b) { return a == null || b == null ? null : (Integer) (a + b); }
  public static Integer subtract(Integer a, Integer b) { return a == null || b == null ? null : (Integer) (a - b); }
  public static Integer multiply(Integer a, Integer b) { return a == null || b == null ? null : (Integer) (a * b); }
  public static Integer divide(Integer a, Integer b) { return a == null || b == null ? null : (Integer) (a / b); }
  public static Integer modulo(Integer a, Integer b) { return a == null || b == null ? null : (Integer) (a % b); }
  public static Integer negate(Integer a) { return a == null ? null : (Integer) (-a); }
  public static Long add(Long a, Long b) { return a == null || b == null ? null : (Long) (a + b); }
  public static Long subtract(Long a, Long b) { return a == null || b == null ? null : (Long) (a - b); }
  public static Long multiply(Long a, Long b) { return a == null || b == null ? null : (Long) (a * b); }
  public static Long divide(Long a, Long b) { return a == null || b == null ? null : (Long) (a / b); }
  public static Long modulo(Long a, Long b) { return a == null || b == null ? null : (Long) (a % b); }
  public static Long negate(Long a) { return a == null ? null : (Long) (-a); }
  public static Double add(Double a, Double b) { return a == null || b == null ? null : (Double) (a + b); }
  public static Double subtract(Double a, Double b) { return a == null || b == null ? null : (Double) (a - b); }
  public static Double multiply(Double a, Double b) { return a == null || b == null ? null : (Double) (a * b); }
  public static Double divide(Double a, Double b) { return a == null || b == null ? null : (Double) (a / b); }
  public static Double modulo(Double a, Double b) { return a == null || b == null ? null : (Double) (a % b); }
  public static Double negate(Double a) { return a == null ? null : (Double) (-a); }
  public static BigDecimal negate(BigDecimal a) { return a == null ? null : a.negate(); }

  public static BigDecimal add(BigDecimal a, BigDecimal b, int p, int s) {
    return a == null || b == null ? null : a.add(b, new MathContext(p, RoundingMode.UNNECESSARY)).setScale(s);
  }

  public static BigDecimal subtract(BigDecimal a, BigDecimal b, int p, int s) {
    return a == null || b == null ? null : a.subtract(b, new MathContext(p, RoundingMode.UNNECESSARY)).setScale(s);
  }

  public static BigDecimal multiply(BigDecimal a, BigDecimal b, int p, int s) {
    return a == null || b == null ? null : a.multiply(b, new MathContext(p, RoundingMode.UNNECESSARY)).setScale(s);
  }

  public static BigDecimal divide(BigDecimal a, BigDecimal b, int p, int s) {
    return a == null || b == null ? null : a.divide(b, new MathContext(p, RoundingMode.UP)).setScale(s, RoundingMode.HALF_UP);
  }

  public static BigDecimal modulo(BigDecimal a, BigDecimal b, int p, int s) {
    return a == null || b == null ? null : a.remainder(b, new MathContext(p, RoundingMode.UNNECESSARY)).setScale(s);
  }

  /** Compare two values of one type; neither may be null. */
  @SuppressWarnings({"unchecked", "rawtypes"})
  public static int compare(Object a, Object b) {
    return ((Comparable) a).compareTo(b);
  }

  public static boolean same(Object a, Object b) {
    return a instanceof BigDecimal && b instanceof BigDecimal ? ((BigDecimal) a).compareTo((BigDecimal) b) == 0 : a.equals(b);
  }

  public static boolean eq(Object a, Object b) { return a != null && b != null && same(a, b); }
  public static boolean ne(Object a, Object b) { return a != null && b != null && !same(a, b); }
  public static boolean lt(Object a, Object b) { return a != null && b != null && compare(a, b) < 0; }
  public static boolean le(Object a, Object b) { return a != null && b != null && compare(a, b) <= 0; }
  public static boolean gt(Object a, Object b) { return a != null && b != null && compare(a, b) > 0; }
  public static boolean ge(Object a, Object b) { return a != null && b != null && compare(a, b) >= 0; }

  // doubles compare as Java's own: NaN is neither equal to, nor less or more than anything, and -0 equals 0
  public static boolean eq(Double a, Double b) { return a != null && b != null && a.doubleValue() == b.doubleValue(); }
  public static boolean ne(Double a, Double b) { return a != null && b != null && (a < b || a > b); }
  public static boolean lt(Double a, Double b) { return a != null && b != null && a < b; }
  public static boolean le(Double a, Double b) { return a != null && b != null && a <= b; }
  public static boolean gt(Double a, Double b) { return a != null && b != null && a > b; }
  public static boolean ge(Double a, Double b) { return a != null && b != null && a >= b; }

  public static boolean distinct(Object a, Object b) { return a == null || b == null ? a != b : !same(a, b); }

  public static boolean in(Object v, Object[] items) {
    for (Object item : items) {
      if (eq(v, item)) {
        return true;
      }
    }
    return false;
  }

  /** Be strict: a null truth value is an error, which ksqlDB logs. */
  public static boolean truth(Boolean b) {
    if (b == null) {
      throw NULL_TRUTH;
    }
    return b;
  }

  /** Match text with % (any characters) and _ (one), in time that grows with both lengths only: no regular expression. */
  public static boolean like(String v, String pattern, String escape) {
    if (v == null || pattern == null) {
      return false;
    }
    int escaping = escape.isEmpty() ? -1 : escape.charAt(0);
    int size = pattern.length();
    int at = 0;
    int p = 0;
    int star = -1; // the last % passed, and the text's place that it may still take
    int taken = 0;
    while (at < v.length()) {
      if (p < size) {
        char c = pattern.charAt(p);
        if (c == escaping && p + 1 < size) {
          if (v.charAt(at) == pattern.charAt(p + 1)) {
            at++;
            p += 2;
            continue;
          }
        } else if (c == '%') {
          star = p++;
          taken = at;
          continue;
        } else if (c == '_') {
          at = v.offsetByCodePoints(at, 1);
          p++;
          continue;
        } else if (c == v.charAt(at)) {
          at++;
          p++;
          continue;
        }
      }
      if (star < 0) {
        return false;
      }
      taken = v.offsetByCodePoints(taken, 1);
      at = taken;
      p = star + 1;
    }
    while (p < size && pattern.charAt(p) == '%' && !(escaping == '%' && p + 1 < size)) {
      p++;
    }
    return p == size;
  }

  /** Read an array's element: from 1, or from the end when negative; null outside. */
  public static Object element(Object list, Integer index) {
    List<?> l = (List<?>) list;
    if (l == null || index == null) {
      return null;
    }
    int i = index > 0 ? index - 1 : index < 0 ? l.size() + index : -1;
    return i < 0 || i >= l.size() ? null : l.get(i);
  }

  public static Object entry(Object map, Object key) {
    return map == null || key == null ? null : ((Map<?, ?>) map).get(key);
  }

  public static Object field(Object struct, String name) {
    return struct == null ? null : ((Struct) struct).get(name);
  }

  /** Evaluate a part that may fail by itself: its value is null then, the rest goes on. */
  public static Object attempt(Lambda part, String query, String expression) {
    try {
      return part.call(null);
    } catch (RuntimeException e) {
      ProcessingLog.badExpression(query, expression, e);
      return null;
    }
  }

  /** What plans of older engines call. */
  public static Object attempt(Lambda part) {
    return attempt(part, "", "");
  }

  public static List<Object> list(Object[] items) {
    List<Object> out = new ArrayList<>(items.length);
    for (Object item : items) {
      out.add(item);
    }
    return out;
  }

  public static Map<Object, Object> map(Object[] entries) {
    Map<Object, Object> out = new LinkedHashMap<>();
    for (int i = 0; i < entries.length; i += 2) {
      out.put(entries[i], entries[i + 1]);
    }
    return out;
  }
}
