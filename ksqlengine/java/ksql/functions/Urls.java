package ksql.functions;

import java.net.URI;
import java.net.URISyntaxException;
import java.net.URLDecoder;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;

/** Functions over URLs. null in, null out; text that is no URL is an error. */
public final class Urls {
  private Urls() {
  }

  private static URI parse(String s) {
    try {
      return new URI(s);
    } catch (URISyntaxException e) {
      throw new IllegalArgumentException("URL input has invalid syntax: " + s, e);
    }
  }

  public static String encode(String s) {
    return s == null ? null : URLEncoder.encode(s, StandardCharsets.UTF_8);
  }

  public static String decode(String s) {
    return s == null ? null : URLDecoder.decode(s, StandardCharsets.UTF_8);
  }

  public static String fragment(String s) { return s == null ? null : parse(s).getFragment(); }
  public static String host(String s) { return s == null ? null : parse(s).getHost(); }
  public static String path(String s) { return s == null ? null : parse(s).getPath(); }
  public static String protocol(String s) { return s == null ? null : parse(s).getScheme(); }
  public static String query(String s) { return s == null ? null : parse(s).getQuery(); }

  public static Integer port(String s) {
    int port = s == null ? -1 : parse(s).getPort();
    return port < 0 ? null : (Integer) port;
  }

  public static String parameter(String s, String name) {
    String query = s == null || name == null ? null : parse(s).getQuery();
    if (query == null) {
      return null;
    }
    for (String pair : query.split("&")) {
      int eq = pair.indexOf('=');
      if ((eq < 0 ? pair : pair.substring(0, eq)).equals(name)) {
        return eq < 0 ? "" : pair.substring(eq + 1);
      }
    }
    return null;
  }
}
