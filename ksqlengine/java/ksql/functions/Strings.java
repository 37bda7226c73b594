package ksql.functions;

import java.nio.ByteBuffer;

/** Functions over text. */
public final class Strings {
  private Strings() {
  }

  /** The operator + on text. */
  public static String plus(String a, String b) {
    return a == null || b == null ? null : a + b;
  }

  public static Integer len(String s) {
    return s == null ? null : (Integer) s.length();
  }

  public static Integer len(ByteBuffer b) {
    return b == null ? null : (Integer) b.remaining();
  }

  public static String ucase(String s) {
    return s == null ? null : s.toUpperCase();
  }

  public static String lcase(String s) {
    return s == null ? null : s.toLowerCase();
  }

  public static String trim(String s) {
    return s == null ? null : s.trim();
  }

  public static String concat(String first, String[] rest) {
    StringBuilder b = new StringBuilder(first == null ? "" : first);
    for (String s : rest) {
      b.append(s == null ? "" : s);
    }
    return b.toString();
  }

  public static ByteBuffer concat(ByteBuffer first, ByteBuffer[] rest) {
    int n = first == null ? 0 : first.remaining();
    for (ByteBuffer b : rest) {
      n += b == null ? 0 : b.remaining();
    }
    ByteBuffer out = ByteBuffer.allocate(n);
    if (first != null) {
      out.put(first.duplicate());
    }
    for (ByteBuffer b : rest) {
      if (b != null) {
        out.put(b.duplicate());
      }
    }
    out.flip();
    return out;
  }

  /** Positions count from 1, negative ones from the end. */
  public static String substring(String s, Integer from) {
    if (s == null || from == null) {
      return null;
    }
    return s.substring(start(s, from));
  }

  public static String substring(String s, Integer from, Integer length) {
    if (s == null || from == null || length == null) {
      return null;
    }
    int at = start(s, from);
    return s.substring(at, Math.max(at, Math.min(s.length(), at + length)));
  }

  private static int start(String s, int from) {
    int at = from < 0 ? s.length() + from : from - 1;
    return Math.max(0, Math.min(s.length(), at));
  }
}
