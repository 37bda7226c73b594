package ksql.functions;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import ksql.runtime.Ops;
import ksql.runtime.SqlType;

/** Functions over numbers. null in, null out. */
public final class Numbers {
  private static final double KM = 6371;
  private static final double MILES = 3959;
  private static final int LONGEST = 1_000_000; // more would fill the heap, and with it end the query

  private Numbers() {
  }

  public static Integer abs(Integer v) { return v == null ? null : (Integer) Math.abs(v); }
  public static Long abs(Long v) { return v == null ? null : (Long) Math.abs(v); }
  public static Double abs(Double v) { return v == null ? null : (Double) Math.abs(v); }
  public static BigDecimal abs(BigDecimal v) { return v == null ? null : v.abs(); }
  public static Integer same(Integer v) { return v; }
  public static Long same(Long v) { return v; }
  public static Double ceil(Double v) { return v == null ? null : (Double) Math.ceil(v); }
  public static Double floor(Double v) { return v == null ? null : (Double) Math.floor(v); }

  public static BigDecimal ceil(BigDecimal v) {
    return v == null ? null : v.setScale(0, RoundingMode.CEILING).setScale(v.scale(), RoundingMode.UNNECESSARY);
  }

  public static BigDecimal floor(BigDecimal v) {
    return v == null ? null : v.setScale(0, RoundingMode.FLOOR).setScale(v.scale(), RoundingMode.UNNECESSARY);
  }

  public static Long round(Double v) { return v == null ? null : (Long) Math.round(v); }

  public static Double round(Double v, Integer places) {
    return v == null || places == null ? null : finite(v) ? (Double) round(BigDecimal.valueOf(v), places.intValue()).doubleValue() : v;
  }

  public static BigDecimal round(BigDecimal v) { return v == null ? null : round(v, 0); }

  public static BigDecimal roundKeep(BigDecimal v, Integer places) {
    return v == null || places == null ? null : round(v, places.intValue()).setScale(v.scale(), RoundingMode.UNNECESSARY);
  }

  /** Half goes up, towards positive infinity. */
  private static BigDecimal round(BigDecimal v, int places) {
    return places >= v.scale() ? v : vanishes(v, places) ? BigDecimal.ZERO
        : v.setScale(places, v.signum() < 0 ? RoundingMode.HALF_DOWN : RoundingMode.HALF_UP);
  }

  public static Long trunc(Double v) { return v == null ? null : (Long) v.longValue(); }

  public static Double trunc(Double v, Integer places) {
    return v == null || places == null ? null : finite(v) ? (Double) trunc(BigDecimal.valueOf(v), places.intValue()).doubleValue() : v;
  }

  public static BigDecimal trunc(BigDecimal v) { return v == null ? null : v.setScale(0, RoundingMode.DOWN); }

  public static BigDecimal truncKeep(BigDecimal v, Integer places) {
    return v == null || places == null ? null : trunc(v, places.intValue()).setScale(v.scale(), RoundingMode.UNNECESSARY);
  }

  private static BigDecimal trunc(BigDecimal v, int places) {
    return places >= v.scale() ? v : vanishes(v, places) ? BigDecimal.ZERO : v.setScale(places, RoundingMode.DOWN);
  }

  /** Tell whether nothing is left at so few digits: dividing by ten to the billionth would never end. */
  private static boolean vanishes(BigDecimal v, int places) {
    return (long) v.precision() - v.scale() < -(long) places;
  }

  private static boolean finite(double v) {
    return !Double.isNaN(v) && !Double.isInfinite(v);
  }

  public static Double acos(Double v) { return v == null ? null : (Double) Math.acos(v); }
  public static Double asin(Double v) { return v == null ? null : (Double) Math.asin(v); }
  public static Double atan(Double v) { return v == null ? null : (Double) Math.atan(v); }
  public static Double atan2(Double y, Double x) { return y == null || x == null ? null : (Double) Math.atan2(y, x); }
  public static Double cbrt(Double v) { return v == null ? null : (Double) Math.cbrt(v); }
  public static Double cos(Double v) { return v == null ? null : (Double) Math.cos(v); }
  public static Double cosh(Double v) { return v == null ? null : (Double) Math.cosh(v); }
  public static Double cot(Double v) { return v == null ? null : (Double) (1 / Math.tan(v)); }
  public static Double degrees(Double v) { return v == null ? null : (Double) Math.toDegrees(v); }
  public static Double exp(Double v) { return v == null ? null : (Double) Math.exp(v); }
  public static Double ln(Double v) { return v == null ? null : (Double) Math.log(v); }
  public static Double pi() { return Math.PI; }
  public static Double power(Double b, Double e) { return b == null || e == null ? null : (Double) Math.pow(b, e); }
  public static Double radians(Double v) { return v == null ? null : (Double) Math.toRadians(v); }
  public static Double random() { return ThreadLocalRandom.current().nextDouble(); }
  public static Integer sign(Double v) { return v == null ? null : (Integer) (int) Math.signum(v); }
  public static Double sin(Double v) { return v == null ? null : (Double) Math.sin(v); }
  public static Double sinh(Double v) { return v == null ? null : (Double) Math.sinh(v); }
  public static Double sqrt(Double v) { return v == null ? null : (Double) Math.sqrt(v); }
  public static Double tan(Double v) { return v == null ? null : (Double) Math.tan(v); }
  public static Double tanh(Double v) { return v == null ? null : (Double) Math.tanh(v); }

  /** The logarithm to a base; a base that is not positive, or 1, gives NaN. */
  public static Double log(Double base, Double v) {
    return base == null || v == null ? null : base <= 0 || base == 1 ? (Double) Double.NaN : (Double) (Math.log(v) / Math.log(base));
  }

  public static Object greatest(Object first, Object[] rest) {
    return extreme(first, rest, 1);
  }

  public static Object least(Object first, Object[] rest) {
    return extreme(first, rest, -1);
  }

  public static Object greatest(Object first, Object[] rest, SqlType type) {
    return scaled(extreme(first, rest, 1), type);
  }

  public static Object least(Object first, Object[] rest, SqlType type) {
    return scaled(extreme(first, rest, -1), type);
  }

  private static Object scaled(Object v, SqlType type) {
    return v instanceof BigDecimal ? ((BigDecimal) v).setScale(type.scale, RoundingMode.HALF_UP) : v;
  }

  /** Nulls are left out. */
  private static Object extreme(Object first, Object[] rest, int sign) {
    Object best = first;
    for (Object v : rest) {
      if (v != null && (best == null || sign * Ops.compare(v, best) > 0)) {
        best = v;
      }
    }
    return best;
  }

  public static List<Integer> series(Integer from, Integer to) {
    return from == null || to == null ? null : series(from, to, from <= to ? 1 : -1);
  }

  public static List<Integer> series(Integer from, Integer to, Integer step) {
    if (from == null || to == null || step == null) {
      return null;
    }
    List<Integer> out = new ArrayList<>();
    for (Long v : series(from.longValue(), to.longValue(), step)) {
      out.add(v.intValue());
    }
    return out;
  }

  public static List<Long> series(Long from, Long to) {
    return from == null || to == null ? null : series(from, to, from <= to ? 1 : -1);
  }

  public static List<Long> series(Long from, Long to, Integer step) {
    if (from == null || to == null || step == null) {
      return null;
    }
    if (step == 0) {
      throw new IllegalArgumentException("GENERATE_SERIES step cannot be zero");
    }
    if (step > 0 != to >= from && !from.equals(to)) {
      throw new IllegalArgumentException("GENERATE_SERIES step has wrong sign");
    }
    long size = Math.abs(Math.subtractExact(to, from) / step) + 1;
    if (size > LONGEST) {
      throw new IllegalArgumentException("GENERATE_SERIES gives at most " + LONGEST + " numbers, not " + size);
    }
    List<Long> out = new ArrayList<>((int) size);
    for (long i = 0; i < size; i++) {
      out.add(from + i * step);
    }
    return out;
  }

  public static Double geoDistance(Double lat1, Double lon1, Double lat2, Double lon2) {
    return geoDistance(lat1, lon1, lat2, lon2, "KM");
  }

  /** The great circle's distance; KM, or MI when the unit begins so. */
  public static Double geoDistance(Double lat1, Double lon1, Double lat2, Double lon2, String unit) {
    if (lat1 == null || lon1 == null || lat2 == null || lon2 == null) {
      return null;
    }
    if (Math.abs(lat1) > 90 || Math.abs(lat2) > 90) {
      throw new IllegalArgumentException("valid latitude values for GeoDistance function are in the range of -90 to 90 decimal degrees");
    }
    if (Math.abs(lon1) > 180 || Math.abs(lon2) > 180) {
      throw new IllegalArgumentException("valid longitude values for GeoDistance function are in the range of -180 to 180 decimal degrees");
    }
    String u = unit == null ? "KM" : unit.toUpperCase(java.util.Locale.ROOT);
    if (!u.startsWith("KM") && !u.startsWith("MI")) {
      throw new IllegalArgumentException("units should be one of: KM, MI. Was: " + unit);
    }
    double dLat = Math.toRadians(lat2 - lat1) / 2;
    double dLon = Math.toRadians(lon2 - lon1) / 2;
    double a = Math.sin(dLat) * Math.sin(dLat)
        + Math.sin(dLon) * Math.sin(dLon) * Math.cos(Math.toRadians(lat1)) * Math.cos(Math.toRadians(lat2));
    return 2 * Math.asin(Math.sqrt(a)) * (u.startsWith("MI") ? MILES : KM);
  }
}
