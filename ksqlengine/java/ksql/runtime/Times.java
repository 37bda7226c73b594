package ksql.runtime;

import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeFormatterBuilder;
import java.time.format.DateTimeParseException;
import java.time.temporal.ChronoField;
import java.time.temporal.TemporalAccessor;
import java.time.temporal.TemporalQueries;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** Text to dates and times and back. */
public final class Times {
  private static final int KEPT = 1000; // a pattern may be a column: what is remembered must have an end
  private static final Map<String, DateTimeFormatter> FORMATTERS = new ConcurrentHashMap<>();
  private static final DateTimeFormatter TIMESTAMP = DateTimeFormatter.ofPattern("yyyy-MM-dd'T'HH:mm:ss.SSS", Locale.ROOT);

  private Times() {
  }

  public static DateTimeFormatter formatter(String pattern) {
    DateTimeFormatter known = FORMATTERS.get(pattern);
    if (known == null) {
      // names of months and days as most servers of ksqlDB write them
      known = new DateTimeFormatterBuilder().parseCaseInsensitive().appendPattern(pattern).toFormatter(Locale.US);
      if (FORMATTERS.size() < KEPT) {
        FORMATTERS.put(pattern, known);
      }
    }
    return known;
  }

  public static Instant parseTimestamp(String text, String pattern, String zone) {
    TemporalAccessor t = formatter(pattern).parse(text);
    ZoneId named = t.query(TemporalQueries.zone());
    LocalDate date = t.query(TemporalQueries.localDate());
    if (date == null) {
      int year = t.isSupported(ChronoField.YEAR) ? t.get(ChronoField.YEAR)
          : t.isSupported(ChronoField.YEAR_OF_ERA) ? t.get(ChronoField.YEAR_OF_ERA) : 1970;
      if (t.isSupported(ChronoField.DAY_OF_YEAR)) {
        date = LocalDate.ofYearDay(year, t.get(ChronoField.DAY_OF_YEAR));
      } else {
        date = LocalDate.of(year, t.isSupported(ChronoField.MONTH_OF_YEAR) ? t.get(ChronoField.MONTH_OF_YEAR) : 1,
            t.isSupported(ChronoField.DAY_OF_MONTH) ? t.get(ChronoField.DAY_OF_MONTH) : 1);
      }
    }
    LocalTime time = t.query(TemporalQueries.localTime());
    if (time == null) {
      int hour = t.isSupported(ChronoField.HOUR_OF_DAY) ? t.get(ChronoField.HOUR_OF_DAY) : 0;
      time = LocalTime.of(hour, 0);
    }
    return LocalDateTime.of(date, time).atZone(named != null ? named : ZoneId.of(zone)).toInstant();
  }

  public static String formatTimestamp(Instant t, String pattern, String zone) {
    return formatter(pattern).format(t.atZone(ZoneId.of(zone)));
  }

  /** Read a timestamp of ISO form in which the end may be missing: year, month, day, hour … and zone. */
  public static Instant timestamp(String text) {
    String s = text.trim();
    ZoneId zone = ZoneOffset.UTC;
    try {
      int t = s.indexOf('T');
      String date = t < 0 ? s : s.substring(0, t);
      String time = t < 0 ? "" : s.substring(t + 1);
      int z = -1;
      for (int i = 0; i < time.length() && z < 0; i++) {
        char c = time.charAt(i);
        z = c == '+' || c == '-' || c == 'Z' ? i : -1;
      }
      if (z >= 0) {
        String name = time.substring(z);
        zone = name.equals("Z") ? ZoneOffset.UTC : ZoneId.of(name.length() == 5 && name.indexOf(':') < 0 ? name.substring(0, 3) + ":" + name.substring(3) : name);
        time = time.substring(0, z);
      }
      return LocalDateTime.of(date(date), time.isEmpty() ? LocalTime.MIDNIGHT : time(time)).atZone(zone).toInstant();
    } catch (RuntimeException e) {
      throw new IllegalArgumentException("Failed to parse timestamp '" + text + "': Required format is: \"yyyy-MM-dd'T'HH:mm:ss.SSS\", "
          + "with an optional numeric 4-digit timezone, e.g. '+0100'", e);
    }
  }

  /** Read `2026-03-02T13:15:00.000Z` digit by digit; -1 when it has another form (the formatter decides then). */
  public static long isoMillis(String s) {
    if (s.length() != 24 || s.charAt(4) != '-' || s.charAt(7) != '-' || s.charAt(10) != 'T' || s.charAt(13) != ':'
        || s.charAt(16) != ':' || s.charAt(19) != '.' || s.charAt(23) != 'Z') {
      return -1;
    }
    int year = digits(s, 0, 4);
    int month = digits(s, 5, 7);
    int day = digits(s, 8, 10);
    int hour = digits(s, 11, 13);
    int minute = digits(s, 14, 16);
    int second = digits(s, 17, 19);
    int milli = digits(s, 20, 23);
    if (year < 1970 || month < 1 || month > 12 || day < 1 || day > 28 && day > java.time.YearMonth.of(year, month).lengthOfMonth()
        || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59 || milli < 0) {
      return -1;
    }
    long y = month <= 2 ? year - 1 : year;
    long era = y / 400;
    long ofEra = y - era * 400;
    long ofYear = (153L * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    long days = era * 146097 + ofEra * 365 + ofEra / 4 - ofEra / 100 + ofYear - 719468;
    return ((days * 24 + hour) * 60 + minute) * 60_000 + second * 1000L + milli;
  }

  private static int digits(String s, int from, int to) {
    int v = 0;
    for (int i = from; i < to; i++) {
      int d = s.charAt(i) - '0';
      if (d < 0 || d > 9) {
        return -1;
      }
      v = v * 10 + d;
    }
    return v;
  }

  public static long millis(String text) {
    return timestamp(text).toEpochMilli();
  }

  public static LocalDate date(String text) {
    String[] p = text.trim().split("-");
    try {
      if (p.length > 3 || p[0].length() != 4) {
        throw new DateTimeParseException("not a date", text, 0);
      }
      return LocalDate.of(Integer.parseInt(p[0]), p.length > 1 ? Integer.parseInt(p[1]) : 1, p.length > 2 ? Integer.parseInt(p[2]) : 1);
    } catch (RuntimeException e) {
      throw new IllegalArgumentException("Failed to parse date '" + text + "': Required format is: \"yyyy-MM-dd\"", e);
    }
  }

  public static LocalTime time(String text) {
    try {
      String s = text.trim();
      return LocalTime.parse(s.length() == 2 ? s + ":00" : s);
    } catch (RuntimeException e) {
      throw new IllegalArgumentException("Failed to parse time '" + text + "': Required format is: \"HH:mm:ss.SSS\"", e);
    }
  }

  public static String text(Instant t) {
    return TIMESTAMP.format(t.atZone(ZoneOffset.UTC));
  }
}
