package ksql.functions;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Functions with regular expressions. null in, null out. */
public final class Regexps {
  private static final int KEPT = 256;
  private static final int MOST_STEPS = 100_000_000; // looks at the text; half a second
  private static final Map<String, Pattern> PATTERNS = new ConcurrentHashMap<>();

  private Regexps() {
  }

  private static Pattern pattern(String text) {
    Pattern p = PATTERNS.get(text);
    if (p == null) {
      p = Pattern.compile(text);
      if (PATTERNS.size() < KEPT) {
        PATTERNS.put(text, p);
      }
    }
    return p;
  }

  /** A text that ends a search which tries too many ways: some patterns try twice as many for each further character. */
  private static final class Searched implements CharSequence {
    private final String text;
    private int left = MOST_STEPS;

    Searched(String text) {
      this.text = text;
    }

    @Override public char charAt(int i) {
      if (left-- <= 0) {
        throw new IllegalArgumentException("the pattern tries too many ways to match the text");
      }
      return text.charAt(i);
    }

    @Override public int length() {
      return text.length();
    }

    @Override public CharSequence subSequence(int from, int to) {
      return text.substring(from, to);
    }

    @Override public String toString() {
      return text;
    }
  }

  /** A stack that is full must not end the query: it is an error of the expression. */
  private static boolean find(Matcher m) {
    try {
      return m.find();
    } catch (StackOverflowError e) {
      throw tooDeep(m.pattern().pattern());
    }
  }

  private static IllegalArgumentException tooDeep(String pattern) {
    return new IllegalArgumentException("the text is too long for the alternatives that '" + pattern + "' tries");
  }

  public static String extract(String pattern, String s) {
    return extract(pattern, s, 0);
  }

  public static String extract(String pattern, String s, Integer group) {
    if (pattern == null || s == null || group == null) {
      return null;
    }
    Matcher m = pattern(pattern).matcher(new Searched(s));
    return group < 0 || group > m.groupCount() || !find(m) ? null : m.group(group);
  }

  public static List<String> extractAll(String pattern, String s) {
    return extractAll(pattern, s, 0);
  }

  public static List<String> extractAll(String pattern, String s, Integer group) {
    if (pattern == null || s == null || group == null) {
      return null;
    }
    Matcher m = pattern(pattern).matcher(new Searched(s));
    if (group < 0 || group > m.groupCount()) {
      return null;
    }
    List<String> out = new ArrayList<>();
    while (find(m)) {
      out.add(m.group(group));
    }
    return out;
  }

  public static String replace(String s, String pattern, String put) {
    if (s == null || pattern == null || put == null) {
      return null;
    }
    try {
      return pattern(pattern).matcher(new Searched(s)).replaceAll(put);
    } catch (StackOverflowError e) {
      throw tooDeep(pattern);
    }
  }

  /** An empty pattern gives the characters. One that matches nothing at all, as x*, gives no empty text at the end. */
  public static List<String> split(String s, String pattern) {
    if (s == null || pattern == null) {
      return null;
    }
    try {
      Pattern p = pattern(pattern);
      return new ArrayList<>(Arrays.asList(p.split(new Searched(s), p.matcher("").matches() ? 0 : -1)));
    } catch (StackOverflowError e) {
      throw tooDeep(pattern);
    }
  }
}
