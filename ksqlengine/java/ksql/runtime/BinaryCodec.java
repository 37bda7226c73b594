package ksql.runtime;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Rows of state stores, changelogs and repartition topics: values with a tag each, no schema needed. */
public final class BinaryCodec {
  private static final ThreadLocal<Out> OUT = ThreadLocal.withInitial(Out::new);

  private BinaryCodec() {
  }

  public static byte[] write(Object[] row) {
    if (row == null) {
      return null;
    }
    Out out = OUT.get();
    out.size = 0;
    out.row(row);
    return Arrays.copyOf(out.buffer, out.size);
  }

  public static Object[] read(byte[] data) {
    return data == null ? null : new In(data).row();
  }

  private static final class Out {
    byte[] buffer = new byte[512];
    int size;

    void room(int n) {
      if (size + n > buffer.length) {
        buffer = Arrays.copyOf(buffer, Math.max(buffer.length * 2, size + n));
      }
    }

    void u1(int v) {
      room(1);
      buffer[size++] = (byte) v;
    }

    void varint(int v) {
      room(5);
      while ((v & ~0x7f) != 0) {
        buffer[size++] = (byte) (v & 0x7f | 0x80);
        v >>>= 7;
      }
      buffer[size++] = (byte) v;
    }

    void i8(long v) {
      room(8);
      for (int s = 56; s >= 0; s -= 8) {
        buffer[size++] = (byte) (v >>> s);
      }
    }

    void bytes(byte[] b) {
      varint(b.length);
      room(b.length);
      System.arraycopy(b, 0, buffer, size, b.length);
      size += b.length;
    }

    void row(Object[] row) {
      varint(row.length);
      for (Object v : row) {
        value(v);
      }
    }

    void value(Object v) {
      if (v == null) {
        u1(0);
      } else if (v instanceof Long) {
        u1(3);
        i8((Long) v);
      } else if (v instanceof String) {
        u1(5);
        bytes(((String) v).getBytes(StandardCharsets.UTF_8));
      } else if (v instanceof Integer) {
        u1(2);
        i8((Integer) v);
      } else if (v instanceof Double) {
        u1(4);
        i8(Double.doubleToRawLongBits((Double) v));
      } else if (v instanceof Boolean) {
        u1(1);
        u1((Boolean) v ? 1 : 0);
      } else if (v instanceof BigDecimal) {
        u1(6);
        varint(((BigDecimal) v).scale());
        bytes(((BigDecimal) v).unscaledValue().toByteArray());
      } else if (v instanceof ByteBuffer) {
        u1(7);
        ByteBuffer b = ((ByteBuffer) v).duplicate();
        byte[] a = new byte[b.remaining()];
        b.get(a);
        bytes(a);
      } else if (v instanceof Instant) {
        u1(8);
        i8(((Instant) v).toEpochMilli());
      } else if (v instanceof LocalDate) {
        u1(9);
        i8(((LocalDate) v).toEpochDay());
      } else if (v instanceof LocalTime) {
        u1(10);
        i8(((LocalTime) v).toNanoOfDay());
      } else if (v instanceof List) {
        u1(11);
        List<?> list = (List<?>) v;
        varint(list.size());
        for (Object item : list) {
          value(item);
        }
      } else if (v instanceof Map) {
        u1(12);
        Map<?, ?> map = (Map<?, ?>) v;
        varint(map.size());
        for (Map.Entry<?, ?> e : map.entrySet()) {
          value(e.getKey());
          value(e.getValue());
        }
      } else if (v instanceof Struct) {
        u1(13);
        bytes(((Struct) v).type.text.getBytes(StandardCharsets.UTF_8));
        row(((Struct) v).values);
      } else if (v instanceof Object[]) {
        u1(14);
        row((Object[]) v);
      } else {
        throw new IllegalArgumentException("cannot be stored: " + v.getClass());
      }
    }
  }

  private static final class In {
    private final byte[] data;
    private int at;

    In(byte[] data) {
      this.data = data;
    }

    int varint() {
      int v = 0;
      for (int s = 0; ; s += 7) {
        byte b = data[at++];
        v |= (b & 0x7f) << s;
        if (b >= 0) {
          return v;
        }
      }
    }

    long i8() {
      long v = 0;
      for (int i = 0; i < 8; i++) {
        v = v << 8 | data[at++] & 0xff;
      }
      return v;
    }

    byte[] bytes() {
      int n = varint();
      at += n;
      return Arrays.copyOfRange(data, at - n, at);
    }

    String text() {
      int n = varint();
      at += n;
      return new String(data, at - n, n, StandardCharsets.UTF_8);
    }

    Object[] row() {
      Object[] row = new Object[varint()];
      for (int i = 0; i < row.length; i++) {
        row[i] = value();
      }
      return row;
    }

    Object value() {
      switch (data[at++]) {
        case 0:
          return null;
        case 1:
          return data[at++] == 1;
        case 2:
          return (int) i8();
        case 3:
          return i8();
        case 4:
          return Double.longBitsToDouble(i8());
        case 5:
          return text();
        case 6: {
          int scale = varint();
          return new BigDecimal(new BigInteger(bytes()), scale);
        }
        case 7:
          return ByteBuffer.wrap(bytes());
        case 8:
          return Instant.ofEpochMilli(i8());
        case 9:
          return LocalDate.ofEpochDay(i8());
        case 10:
          return LocalTime.ofNanoOfDay(i8());
        case 11: {
          int n = varint();
          List<Object> list = new ArrayList<>(n);
          for (int i = 0; i < n; i++) {
            list.add(value());
          }
          return list;
        }
        case 12: {
          int n = varint();
          Map<Object, Object> map = new LinkedHashMap<>();
          for (int i = 0; i < n; i++) {
            Object k = value();
            map.put(k, value());
          }
          return map;
        }
        case 13: {
          SqlType type = SqlType.of(text());
          return new Struct(type, row());
        }
        default:
          return row();
      }
    }
  }
}
