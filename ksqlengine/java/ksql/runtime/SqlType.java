package ksql.runtime;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** A SQL type, read from the text that the planner writes. */
public final class SqlType {
  public enum Base { BOOLEAN, INTEGER, BIGINT, DOUBLE, STRING, BYTES, DATE, TIME, TIMESTAMP, DECIMAL, ARRAY, MAP, STRUCT }

  private static final Map<String, SqlType> KNOWN = new ConcurrentHashMap<>();

  public final Base base;
  public final int precision;
  public final int scale;
  public final SqlType element;
  public final SqlType key;
  public final String[] names;
  public final SqlType[] types;
  public final String text;

  private SqlType(String text, Base base, int p, int s, SqlType element, SqlType key, String[] names, SqlType[] types) {
    this.text = text;
    this.base = base;
    this.precision = p;
    this.scale = s;
    this.element = element;
    this.key = key;
    this.names = names;
    this.types = types;
  }

  public static SqlType of(String text) {
    SqlType known = KNOWN.get(text);
    if (known == null) {
      known = new Reader(text).type();
      KNOWN.put(text, known);
    }
    return known;
  }

  public int index(String name) {
    for (int i = 0; i < names.length; i++) {
      if (names[i].equals(name)) {
        return i;
      }
    }
    return -1;
  }

  @Override public String toString() {
    return text;
  }

  private static final class Reader {
    private final String s;
    private int at;

    Reader(String s) {
      this.s = s;
    }

    private void skip() {
      while (at < s.length() && s.charAt(at) == ' ') {
        at++;
      }
    }

    private String word() {
      skip();
      int from = at;
      while (at < s.length() && (Character.isLetterOrDigit(s.charAt(at)) || s.charAt(at) == '_')) {
        at++;
      }
      return s.substring(from, at);
    }

    private String quoted() {
      skip();
      StringBuilder b = new StringBuilder();
      at++;
      while (true) {
        char c = s.charAt(at++);
        if (c == '`') {
          if (at < s.length() && s.charAt(at) == '`') {
            at++;
          } else {
            return b.toString();
          }
        }
        b.append(c);
      }
    }

    private void expect(char c) {
      skip();
      if (s.charAt(at) != c) {
        throw new IllegalArgumentException("not a type: " + s);
      }
      at++;
    }

    private boolean take(char c) {
      skip();
      if (at < s.length() && s.charAt(at) == c) {
        at++;
        return true;
      }
      return false;
    }

    SqlType type() {
      skip();
      int from = at;
      Base base = Base.valueOf(word());
      int p = 0;
      int sc = 0;
      SqlType element = null;
      SqlType key = null;
      List<String> names = new ArrayList<>();
      List<SqlType> types = new ArrayList<>();
      switch (base) {
        case DECIMAL:
          expect('(');
          p = Integer.parseInt(word());
          expect(',');
          sc = Integer.parseInt(word());
          expect(')');
          break;
        case ARRAY:
          expect('<');
          element = type();
          expect('>');
          break;
        case MAP:
          expect('<');
          key = type();
          expect(',');
          element = type();
          expect('>');
          break;
        case STRUCT:
          expect('<');
          while (!take('>')) {
            names.add(quoted());
            types.add(type());
            take(',');
          }
          break;
        default:
      }
      return new SqlType(s.substring(from, at), base, p, sc, element, key, names.toArray(new String[0]), types.toArray(new SqlType[0]));
    }
  }
}
