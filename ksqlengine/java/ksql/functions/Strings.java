package ksql.functions;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/** Functions over text. null in, null out, unless said otherwise. */
public final class Strings {
  private static final int LONGEST = 100_000_000;

  private Strings() {
  }

  /** The operator + on text. */
  public static String plus(String a, String b) {
    return a == null || b == null ? null : a + b;
  }

  public static Integer len(String s) {
    return s == null ? null : (Integer) s.length();
  }

  public static String ucase(String s) {
    return s == null ? null : s.toUpperCase(java.util.Locale.ROOT);
  }

  public static String lcase(String s) {
    return s == null ? null : s.toLowerCase(java.util.Locale.ROOT);
  }

  public static String trim(String s) {
    return s == null ? null : s.trim();
  }

  /** Null parts count as empty. */
  public static String concat(String first, String[] rest) {
    StringBuilder b = new StringBuilder(first == null ? "" : first);
    for (String s : rest) {
      b.append(s == null ? "" : s);
    }
    return b.toString();
  }

  /** Null parts are left out; a null separator gives null. */
  public static String concatWs(String separator, String first, String[] rest) {
    if (separator == null) {
      return null;
    }
    List<String> parts = new ArrayList<>(rest.length + 1);
    if (first != null) {
      parts.add(first);
    }
    for (String s : rest) {
      if (s != null) {
        parts.add(s);
      }
    }
    return String.join(separator, parts);
  }

  /** Positions count from 1, negative ones from the end. */
  public static String substring(String s, Integer from) {
    return s == null || from == null ? null : s.substring(start(s.length(), from));
  }

  public static String substring(String s, Integer from, Integer length) {
    if (s == null || from == null || length == null) {
      return null;
    }
    int at = start(s.length(), from);
    return s.substring(at, Math.max(at, (int) Math.min(s.length(), (long) at + length)));
  }

  static int start(int size, int from) {
    int at = from < 0 ? size + from : from - 1;
    return Math.max(0, Math.min(size, at));
  }

  /** Words begin in upper case, the rest is lower; white space separates words. */
  public static String initcap(String s) {
    if (s == null) {
      return null;
    }
    StringBuilder b = new StringBuilder(s.length());
    boolean first = true;
    for (char c : s.toCharArray()) {
      b.append(first ? Character.toUpperCase(c) : Character.toLowerCase(c));
      first = Character.isWhitespace(c);
    }
    return b.toString();
  }

  public static Integer instr(String s, String part) {
    return instr(s, part, 1, 1);
  }

  public static Integer instr(String s, String part, Integer position) {
    return instr(s, part, position, 1);
  }

  /** The place (from 1) of an occurrence; a negative position searches backwards from the end. 0: not found. */
  public static Integer instr(String s, String part, Integer position, Integer occurrence) {
    if (s == null || part == null || position == null || occurrence == null) {
      return 0;
    }
    boolean backwards = position < 0;
    int at = backwards ? s.length() + position : Math.max(position - 1, 0);
    for (int n = 0; n < occurrence; n++) {
      at = backwards ? s.lastIndexOf(part, at) : s.indexOf(part, at);
      if (at < 0) {
        return 0;
      }
      if (n + 1 < occurrence) {
        at += backwards ? -1 : 1;
      }
    }
    return occurrence < 1 ? 0 : at + 1;
  }

  public static String replace(String s, String old, String put) {
    return s == null || old == null || put == null ? null : s.replace(old, put);
  }

  public static String lpad(String s, Integer length, String padding) {
    return pad(s, length, padding, true);
  }

  public static String rpad(String s, Integer length, String padding) {
    return pad(s, length, padding, false);
  }

  /** Refuse what would fill the heap, and with it end the query. */
  static void checkLength(int length) {
    if (length > LONGEST) {
      throw new IllegalArgumentException("a length of " + length + " is more than the " + LONGEST + " that a value may have");
    }
  }

  private static String pad(String s, Integer length, String padding, boolean left) {
    if (s == null || length == null || length < 0 || padding == null || padding.isEmpty()) {
      return null;
    }
    if (length <= s.length()) {
      return s.substring(0, length);
    }
    checkLength(length);
    StringBuilder pad = new StringBuilder(length);
    for (int i = 0; i < length - s.length(); i++) {
      pad.append(padding.charAt(i % padding.length()));
    }
    return left ? pad + s : s + pad;
  }

  /** A character by its code point. */
  public static String chr(Integer code) {
    return code == null || !Character.isValidCodePoint(code) ? null : new String(Character.toChars(code));
  }

  /** Characters by their UTF-16 code in the form \\uXXXX. */
  public static String chr(String code) {
    if (code == null || !code.matches("(\\\\u[0-9A-Fa-f]{4})+")) {
      return null;
    }
    StringBuilder b = new StringBuilder();
    for (int i = 0; i < code.length(); i += 6) {
      b.append((char) Integer.parseInt(code.substring(i + 2, i + 6), 16));
    }
    return b.toString();
  }

  /** Split at a literal delimiter; an empty one gives the characters. */
  public static List<String> split(String s, String delimiter) {
    if (s == null || delimiter == null) {
      return null;
    }
    if (delimiter.isEmpty()) {
      List<String> out = new ArrayList<>(s.length());
      for (int i = 0; i < s.length(); i++) {
        out.add(s.substring(i, i + 1));
      }
      return out.isEmpty() ? new ArrayList<>(List.of("")) : out;
    }
    List<String> out = new ArrayList<>();
    int from = 0;
    for (int at = s.indexOf(delimiter); at >= 0; at = s.indexOf(delimiter, from)) {
      out.add(s.substring(from, at));
      from = at + delimiter.length();
    }
    out.add(s.substring(from));
    return out;
  }

  /** Entries without the key-value delimiter are left out; of equal keys the last stays. */
  public static Map<String, String> splitToMap(String s, String entries, String keyValue) {
    if (s == null || entries == null || keyValue == null || entries.isEmpty() || keyValue.isEmpty()) {
      return null;
    }
    Map<String, String> out = new LinkedHashMap<>();
    for (String entry : split(s, entries)) {
      List<String> pair = split(entry, keyValue);
      if (pair.size() > 1 && !entry.isEmpty()) {
        out.put(pair.get(0), pair.get(1));
      }
    }
    return out;
  }

  public static String uuid() {
    return UUID.randomUUID().toString();
  }

  /** A UUID from 16 bytes. */
  public static String uuid(ByteBuffer bytes) {
    if (bytes == null || bytes.remaining() != 16) {
      return null;
    }
    ByteBuffer b = bytes.duplicate();
    return new UUID(b.getLong(), b.getLong()).toString();
  }

  public static String elt(Integer n, String first, String[] rest) {
    return n == null || n < 1 || n > rest.length + 1 ? null : n == 1 ? first : rest[n - 2];
  }

  /** The place (from 1) of a text among others; 0: none of them, or null. */
  public static Integer field(String s, String first, String[] rest) {
    return s == null ? 0 : s.equals(first) ? 1 : Arrays.asList(rest).indexOf(s) < 0 ? 0 : Arrays.asList(rest).indexOf(s) + 2;
  }
}
