package ksql.functions;

/** MASK and its kin: letters and digits of a text hidden, by kind. */
public final class Masks {
  private Masks() {
  }

  public static String mask(String s) {
    return mask(s, "X", "x", "n", "-");
  }

  public static String mask(String s, String upper, String lower, String digit, String other) {
    return s == null ? null : range(s, 0, s.length(), upper, lower, digit, other);
  }

  public static String left(String s, Integer count) {
    return left(s, count, "X", "x", "n", "-");
  }

  public static String left(String s, Integer count, String upper, String lower, String digit, String other) {
    return s == null ? null : range(s, 0, count("mask_left", count), upper, lower, digit, other);
  }

  public static String right(String s, Integer count) {
    return right(s, count, "X", "x", "n", "-");
  }

  public static String right(String s, Integer count, String upper, String lower, String digit, String other) {
    return s == null ? null : range(s, s.length() - count("mask_right", count), s.length(), upper, lower, digit, other);
  }

  public static String keepLeft(String s, Integer count) {
    return keepLeft(s, count, "X", "x", "n", "-");
  }

  public static String keepLeft(String s, Integer count, String upper, String lower, String digit, String other) {
    return s == null ? null : range(s, count("mask_keep_left", count), s.length(), upper, lower, digit, other);
  }

  public static String keepRight(String s, Integer count) {
    return keepRight(s, count, "X", "x", "n", "-");
  }

  public static String keepRight(String s, Integer count, String upper, String lower, String digit, String other) {
    return s == null ? null : range(s, 0, s.length() - count("mask_keep_right", count), upper, lower, digit, other);
  }

  private static int count(String function, Integer n) {
    if (n == null || n < 0) {
      throw new IllegalArgumentException("function " + function + " requires a non-negative number of characters to mask or skip");
    }
    return n;
  }

  private static String range(String s, int from, int to, String upper, String lower, String digit, String other) {
    StringBuilder b = new StringBuilder(s);
    for (int i = Math.max(from, 0); i < Math.min(to, s.length()); i++) {
      char c = s.charAt(i);
      String m = Character.isUpperCase(c) ? upper : Character.isLowerCase(c) ? lower : Character.isDigit(c) ? digit : other;
      if (m != null && !m.isEmpty()) {
        b.setCharAt(i, m.charAt(0));
      }
    }
    return b.toString();
  }
}
