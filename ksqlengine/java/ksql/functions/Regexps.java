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
    Matcher m = pattern(pattern).matcher(s);
    return group < 0 || group > m.groupCount() || !find(m) ? null : m.group(group);
  }

  public static List<String> extractAll(String pattern, String s) {
    return extractAll(pattern, s, 0);
  }

  public static List<String> extractAll(String pattern, String s, Integer group) {
    if (pattern == null || s == null || group == null) {
      return null;
    }
    Matcher m = pattern(pattern).matcher(s);
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
      return pattern(pattern).matcher(s).replaceAll(put);
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
      return new ArrayList<>(Arrays.asList(p.split(s, p.matcher("").matches() ? 0 : -1)));
    } catch (StackOverflowError e) {
      throw tooDeep(pattern);
    }
  }
}
