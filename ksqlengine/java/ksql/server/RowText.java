package ksql.server;

import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import ksql.runtime.Struct;

/** Write a row as the JSON array that the REST API gives: dates and times as text, decimals as numbers. */
public final class RowText {
  private static final DateTimeFormatter TIMESTAMP = DateTimeFormatter.ofPattern("yyyy-MM-dd'T'HH:mm:ss.SSS").withZone(ZoneOffset.UTC);

  private RowText() {}

  public static String of(Object[] values) {
    StringBuilder out = new StringBuilder(64).append('[');
    for (int i = 0; i < values.length; i++) {
      if (i > 0) {
        out.append(',');
      }
      value(out, values[i]);
    }
    return out.append(']').toString();
  }

  private static void value(StringBuilder out, Object v) {
    if (v == null) {
      out.append("null");
    } else if (v instanceof String) {
      string(out, (String) v);
    } else if (v instanceof Double) {
      double d = (Double) v;
      if (Double.isNaN(d) || Double.isInfinite(d)) {
        string(out, v.toString());
      } else {
        out.append(d);
      }
    } else if (v instanceof Number && !(v instanceof BigDecimal) || v instanceof Boolean) {
      out.append(v);
    } else if (v instanceof BigDecimal) {
      out.append(((BigDecimal) v).toPlainString());
    } else if (v instanceof Instant) {
      string(out, TIMESTAMP.format((Instant) v));
    } else if (v instanceof LocalDate || v instanceof LocalTime) {
      string(out, v.toString());
    } else if (v instanceof ByteBuffer) {
      ByteBuffer copy = ((ByteBuffer) v).duplicate();
      byte[] bytes = new byte[copy.remaining()];
      copy.get(bytes);
      string(out, Base64.getEncoder().encodeToString(bytes));
    } else if (v instanceof Struct) {
      Struct s = (Struct) v;
      out.append('{');
      for (int i = 0; i < s.values.length; i++) {
        if (i > 0) {
          out.append(',');
        }
        string(out, s.type.names[i]);
        value(out.append(':'), s.values[i]);
      }
      out.append('}');
    } else if (v instanceof Map) {
      boolean first = true;
      out.append('{');
      for (Map.Entry<?, ?> e : ((Map<?, ?>) v).entrySet()) {
        if (!first) {
          out.append(',');
        }
        first = false;
        string(out, String.valueOf(e.getKey()));
        value(out.append(':'), e.getValue());
      }
      out.append('}');
    } else if (v instanceof List) {
      boolean first = true;
      out.append('[');
      for (Object item : (List<?>) v) {
        if (!first) {
          out.append(',');
        }
        first = false;
        value(out, item);
      }
      out.append(']');
    } else {
      string(out, v.toString());
    }
  }

  private static void string(StringBuilder out, String s) {
    out.append('"');
    for (int i = 0; i < s.length(); i++) {
      char c = s.charAt(i);
      if (c == '"' || c == '\\') {
        out.append('\\').append(c);
      } else if (c == '\n') {
        out.append("\\n");
      } else if (c == '\r') {
        out.append("\\r");
      } else if (c == '\t') {
        out.append("\\t");
      } else if (c < 0x20) {
        out.append(String.format("\\u%04x", (int) c));
      } else {
        out.append(c);
      }
    }
    out.append('"');
  }
}
