package ksql.runtime;

import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalTime;
import java.time.temporal.Temporal;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;

/** A writer of JSON text into one growing buffer, used again for each record of a thread. */
public final class JsonOut {
  private static final byte[] HEX = "0123456789ABCDEF".getBytes(StandardCharsets.US_ASCII);
  private final boolean timesAsText;
  private byte[] buffer = new byte[512];
  private int size;

  JsonOut() {
    this(false);
  }

  /** Times as text are those of the REST API; in topics they are numbers. */
  public JsonOut(boolean timesAsText) {
    this.timesAsText = timesAsText;
  }

  public void reset() {
    size = 0;
  }

  byte[] bytes() {
    return Arrays.copyOf(buffer, size);
  }

  public String text() {
    return new String(buffer, 0, size, StandardCharsets.UTF_8);
  }

  private void room(int more) {
    if (size + more > buffer.length) {
      buffer = Arrays.copyOf(buffer, Math.max(buffer.length * 2, size + more));
    }
  }

  public void raw(int b) {
    room(1);
    buffer[size++] = (byte) b;
  }

  void raw(byte[] bytes) {
    room(bytes.length);
    System.arraycopy(bytes, 0, buffer, size, bytes.length);
    size += bytes.length;
  }

  @SuppressWarnings("deprecation")
  private void ascii(String s) {
    int n = s.length();
    room(n);
    s.getBytes(0, n, buffer, size);
    size += n;
  }

  private void number(long value) {
    if (value == Long.MIN_VALUE) {
      ascii("-9223372036854775808");
      return;
    }
    room(20);
    if (value < 0) {
      buffer[size++] = '-';
      value = -value;
    }
    int digits = 1;
    for (long v = value; v >= 10; v /= 10) {
      digits++;
    }
    int at = size + digits;
    size = at;
    do {
      buffer[--at] = (byte) ('0' + value % 10);
      value /= 10;
    } while (value > 0);
  }

  void string(String s) {
    int n = s.length();
    room(n + 2);
    buffer[size++] = '"';
    for (int i = 0; i < n; i++) {
      char c = s.charAt(i);
      room(8);
      if (c >= 0x80) {
        int from = i;
        while (i < n && s.charAt(i) >= 0x80) {
          i++;
        }
        raw(s.substring(from, i--).getBytes(StandardCharsets.UTF_8));
      } else if (c == '"' || c == '\\') {
        buffer[size++] = '\\';
        buffer[size++] = (byte) c;
      } else if (c >= 0x20) {
        buffer[size++] = (byte) c;
      } else {
        buffer[size++] = '\\';
        switch (c) {
          case '\n': buffer[size++] = 'n'; break;
          case '\r': buffer[size++] = 'r'; break;
          case '\t': buffer[size++] = 't'; break;
          case '\b': buffer[size++] = 'b'; break;
          case '\f': buffer[size++] = 'f'; break;
          default:
            ascii("u00");
            raw(HEX[c >> 4]);
            raw(HEX[c & 15]);
        }
      }
    }
    raw('"');
  }

  public void value(Object v) {
    if (v == null) {
      ascii("null");
    } else if (v instanceof String) {
      string((String) v);
    } else if (v instanceof Long) {
      number((Long) v);
    } else if (v instanceof Integer) {
      number((Integer) v);
    } else if (v instanceof Double) {
      double d = (Double) v;
      if (Double.isNaN(d) || Double.isInfinite(d)) {
        string(Double.toString(d));
      } else {
        ascii(Double.toString(d));
      }
    } else if (v instanceof Boolean) {
      ascii((Boolean) v ? "true" : "false");
    } else if (v instanceof BigDecimal) {
      ascii(((BigDecimal) v).toPlainString());
    } else if (timesAsText && v instanceof Temporal) {
      string(v instanceof Instant ? Times.text((Instant) v) : v.toString());
    } else if (v instanceof Instant) {
      number(((Instant) v).toEpochMilli());
    } else if (v instanceof LocalDate) {
      number(((LocalDate) v).toEpochDay());
    } else if (v instanceof LocalTime) {
      number(((LocalTime) v).toNanoOfDay() / 1_000_000L);
    } else if (v instanceof ByteBuffer) {
      string(StandardCharsets.US_ASCII.decode(Base64.getEncoder().encode(((ByteBuffer) v).duplicate())).toString());
    } else if (v instanceof Struct) {
      Struct s = (Struct) v;
      raw('{');
      for (int i = 0; i < s.values.length; i++) {
        if (i > 0) {
          raw(',');
        }
        string(s.type.names[i]);
        raw(':');
        value(s.values[i]);
      }
      raw('}');
    } else if (v instanceof Map) {
      raw('{');
      boolean first = true;
      for (Map.Entry<?, ?> e : ((Map<?, ?>) v).entrySet()) {
        if (!first) {
          raw(',');
        }
        first = false;
        string(String.valueOf(e.getKey()));
        raw(':');
        value(e.getValue());
      }
      raw('}');
    } else if (v instanceof List) {
      raw('[');
      boolean first = true;
      for (Object item : (List<?>) v) {
        if (!first) {
          raw(',');
        }
        first = false;
        value(item);
      }
      raw(']');
    } else {
      throw new IllegalArgumentException("cannot be written as JSON: " + v.getClass());
    }
  }
}
