package ksql.runtime;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.nio.ByteBuffer;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** CAST and implicit conversions. null stays null. */
public final class Casts {
  private Casts() {
  }

  /** Check that a number fits without losing digits. */
  public static BigDecimal fit(BigDecimal v, int precision, int scale) {
    if (v.scale() == scale) {
      return checked(v, precision, scale);
    }
    checked(v, precision, scale);
    if (vanishes(v, scale)) {
      throw new ArithmeticException("Rounding necessary");
    }
    return v.setScale(scale, RoundingMode.UNNECESSARY);
  }

  /** Before any setScale: 1e999999999 written out would fill the heap. */
  private static BigDecimal checked(BigDecimal v, int precision, int scale) {
    if ((long) v.precision() - v.scale() > precision - scale && v.signum() != 0) {
      throw new ArithmeticException("Numeric field overflow: A field with precision " + precision + " and scale " + scale
          + " must round to an absolute value less than 10^" + (precision - scale) + ". Got "
          + (v.scale() < -1000 ? v.toString() : v.toPlainString()));
    }
    return v;
  }

  /** Tell whether a number is nothing in the digits of a scale: 1e-999999999 divided out would never end. */
  private static boolean vanishes(BigDecimal v, int scale) {
    return v.signum() != 0 && (long) v.precision() - v.scale() < -(long) scale;
  }

  public static BigDecimal decimal(Object v, int precision, int scale) {
    if (v == null) {
      return null;
    }
    BigDecimal d = v instanceof BigDecimal ? (BigDecimal) v : v instanceof Double ? new BigDecimal(String.valueOf(v))
        : v instanceof String ? new BigDecimal(((String) v).trim()) : BigDecimal.valueOf(((Number) v).longValue());
    checked(d, precision, scale);
    BigDecimal rounded = vanishes(d, scale) ? BigDecimal.ZERO.setScale(scale) : d.setScale(scale, RoundingMode.HALF_UP);
    return checked(rounded, precision, scale);
  }

  /** Widen a number to a decimal of a scale that holds it. */
  public static BigDecimal wide(Object v) {
    return v == null ? null : v instanceof BigDecimal ? (BigDecimal) v : v instanceof Double ? BigDecimal.valueOf((Double) v)
        : BigDecimal.valueOf(((Number) v).longValue());
  }

  public static Integer integer(Object v) {
    return v == null ? null : v instanceof Integer ? (Integer) v : v instanceof String ? Integer.valueOf(((String) v).trim()) : (Integer) ((Number) v).intValue();
  }

  public static Long bigint(Object v) {
    return v == null ? null : v instanceof Long ? (Long) v : v instanceof String ? Long.valueOf(((String) v).trim()) : (Long) ((Number) v).longValue();
  }

  public static Double dbl(Object v) {
    return v == null ? null : v instanceof Double ? (Double) v : v instanceof String ? Double.valueOf(((String) v).trim()) : (Double) ((Number) v).doubleValue();
  }

  public static Boolean bool(Object v) {
    if (v == null || v instanceof Boolean) {
      return (Boolean) v;
    }
    String s = ((String) v).trim().toLowerCase(java.util.Locale.ROOT);
    return !s.isEmpty() && ("true".startsWith(s) || "yes".startsWith(s));
  }

  public static String string(Object v) {
    if (v == null) {
      return null;
    }
    if (v instanceof String) {
      return (String) v;
    }
    if (v instanceof BigDecimal) {
      return ((BigDecimal) v).toPlainString();
    }
    if (v instanceof Instant) {
      return Times.text((Instant) v);
    }
    if (v instanceof LocalTime) {
      return v.toString();
    }
    if (v instanceof List) {
      StringBuilder b = new StringBuilder("[");
      for (Object item : (List<?>) v) {
        b.append(b.length() > 1 ? ", " : "").append(string(item));
      }
      return b.append(']').toString();
    }
    if (v instanceof Map) {
      StringBuilder b = new StringBuilder("{");
      for (Map.Entry<?, ?> e : ((Map<?, ?>) v).entrySet()) {
        b.append(b.length() > 1 ? ", " : "").append(string(e.getKey())).append('=').append(string(e.getValue()));
      }
      return b.append('}').toString();
    }
    if (v instanceof Struct) {
      Struct s = (Struct) v;
      StringBuilder b = new StringBuilder("Struct{");
      for (int i = 0; i < s.values.length; i++) {
        if (s.values[i] != null) {
          b.append(b.length() > 7 ? "," : "").append(s.type.names[i]).append('=').append(string(s.values[i]));
        }
      }
      return b.append('}').toString();
    }
    return String.valueOf(v);
  }

  public static Instant timestamp(Object v) {
    if (v == null || v instanceof Instant) {
      return (Instant) v;
    }
    return v instanceof LocalDate ? ((LocalDate) v).atStartOfDay(ZoneOffset.UTC).toInstant() : Times.timestamp((String) v);
  }

  public static LocalDate date(Object v) {
    if (v == null || v instanceof LocalDate) {
      return (LocalDate) v;
    }
    return v instanceof Instant ? LocalDateTime.ofInstant((Instant) v, ZoneOffset.UTC).toLocalDate() : Times.date((String) v);
  }

  public static LocalTime time(Object v) {
    if (v == null || v instanceof LocalTime) {
      return (LocalTime) v;
    }
    return v instanceof Instant ? LocalDateTime.ofInstant((Instant) v, ZoneOffset.UTC).toLocalTime() : Times.time((String) v);
  }

  public static ByteBuffer bytes(Object v) {
    return (ByteBuffer) v;
  }

  /** Convert a value of any type to a type, all the way down. */
  public static Object to(Object v, SqlType type) {
    if (v == null) {
      return null;
    }
    switch (type.base) {
      case BOOLEAN: return bool(v);
      case INTEGER: return integer(v);
      case BIGINT: return bigint(v);
      case DOUBLE: return dbl(v);
      case STRING: return string(v);
      case DECIMAL: return decimal(v, type.precision, type.scale);
      case TIMESTAMP: return timestamp(v);
      case DATE: return date(v);
      case TIME: return time(v);
      case ARRAY: {
        List<Object> out = new ArrayList<>();
        for (Object item : (List<?>) v) {
          out.add(to(item, type.element));
        }
        return out;
      }
      case MAP: {
        Map<Object, Object> out = new LinkedHashMap<>();
        for (Map.Entry<?, ?> e : ((Map<?, ?>) v).entrySet()) {
          out.put(to(e.getKey(), type.key), to(e.getValue(), type.element));
        }
        return out;
      }
      case STRUCT: {
        Struct s = (Struct) v;
        Object[] values = new Object[type.names.length];
        for (int i = 0; i < values.length; i++) {
          values[i] = to(s.get(type.names[i]), type.types[i]);
        }
        return new Struct(type, values);
      }
      default: return v;
    }
  }
}
