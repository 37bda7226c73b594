package ksql.functions;

import java.text.ParsePosition;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalTime;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.time.temporal.ChronoField;
import java.time.temporal.ChronoUnit;
import java.time.temporal.TemporalAccessor;
import java.time.temporal.TemporalQueries;
import java.util.function.Supplier;
import ksql.runtime.Times;

/** Functions over dates, times and timestamps. null in, null out. Patterns are those of Java's DateTimeFormatter. */
public final class Dates {
  private Dates() {
  }

  private static String format(String kind, Object v, String pattern, Supplier<String> text) {
    try {
      return text.get();
    } catch (RuntimeException e) {
      throw new IllegalArgumentException("Failed to format " + kind + " " + v + " with formatter '" + pattern + "': " + e.getMessage(), e);
    }
  }

  public static String formatTimestamp(Instant t, String pattern) {
    return formatTimestamp(t, pattern, "UTC");
  }

  public static String formatTimestamp(Instant t, String pattern, String zone) {
    return t == null || pattern == null || zone == null ? null
        : format("timestamp", Times.text(t), pattern, () -> Times.formatTimestamp(t, pattern, zone));
  }

  public static String timestampToString(Long ms, String pattern) {
    return timestampToString(ms, pattern, ZoneId.systemDefault().getId());
  }

  public static String timestampToString(Long ms, String pattern, String zone) {
    return ms == null ? null : formatTimestamp(Instant.ofEpochMilli(ms), pattern, zone);
  }

  public static Instant parseTimestamp(String s, String pattern) {
    return parseTimestamp(s, pattern, "UTC");
  }

  public static Instant parseTimestamp(String s, String pattern, String zone) {
    if (s == null || pattern == null || zone == null) {
      return null;
    }
    try {
      return Times.parseTimestamp(s, pattern, zone);
    } catch (RuntimeException e) {
      throw new IllegalArgumentException("Failed to parse timestamp '" + s + "' with formatter '" + pattern + "': " + e.getMessage(), e);
    }
  }

  public static Long stringToTimestamp(String s, String pattern) {
    return stringToTimestamp(s, pattern, ZoneId.systemDefault().getId());
  }

  public static Long stringToTimestamp(String s, String pattern, String zone) {
    Instant t = parseTimestamp(s, pattern, zone);
    return t == null ? null : (Long) t.toEpochMilli();
  }

  public static String formatDate(LocalDate d, String pattern) {
    return d == null || pattern == null ? null : format("date", d, pattern, () -> Times.formatter(pattern).format(d));
  }

  /** Days since 1970 as text. */
  public static String dateToString(Integer days, String pattern) {
    return days == null ? null : formatDate(LocalDate.ofEpochDay(days), pattern);
  }

  public static LocalDate parseDate(String s, String pattern) {
    if (s == null || pattern == null) {
      return null;
    }
    try {
      // text behind the date does not count
      TemporalAccessor t = Times.formatter(pattern).parse(s, new ParsePosition(0));
      LocalTime time = t.query(TemporalQueries.localTime());
      if (time != null && !time.equals(LocalTime.MIDNIGHT)) {
        throw new IllegalArgumentException("Date format contains time field.");
      }
      if (t.isSupported(ChronoField.EPOCH_DAY)) {
        return LocalDate.from(t);
      }
      int year = t.isSupported(ChronoField.YEAR) ? t.get(ChronoField.YEAR)
          : t.isSupported(ChronoField.YEAR_OF_ERA) ? t.get(ChronoField.YEAR_OF_ERA) : 1970;
      return LocalDate.of(year, t.isSupported(ChronoField.MONTH_OF_YEAR) ? t.get(ChronoField.MONTH_OF_YEAR) : 1,
          t.isSupported(ChronoField.DAY_OF_MONTH) ? t.get(ChronoField.DAY_OF_MONTH) : 1);
    } catch (RuntimeException e) {
      throw new IllegalArgumentException("Failed to parse date '" + s + "' with formatter '" + pattern + "': " + e.getMessage(), e);
    }
  }

  public static Integer stringToDate(String s, String pattern) {
    LocalDate d = parseDate(s, pattern);
    return d == null ? null : (Integer) (int) d.toEpochDay();
  }

  public static String formatTime(LocalTime t, String pattern) {
    return t == null || pattern == null ? null : format("time", t, pattern, () -> Times.formatter(pattern).format(t));
  }

  public static LocalTime parseTime(String s, String pattern) {
    if (s == null || pattern == null) {
      return null;
    }
    try {
      return LocalTime.parse(s, Times.formatter(pattern));
    } catch (RuntimeException e) {
      throw new IllegalArgumentException("Failed to parse time '" + s + "' with formatter '" + pattern + "': " + e.getMessage(), e);
    }
  }

  public static LocalDate fromDays(Integer days) { return days == null ? null : LocalDate.ofEpochDay(days); }
  public static Instant fromUnix(Long ms) { return ms == null ? null : Instant.ofEpochMilli(ms); }
  public static Integer unixDate() { return (int) LocalDate.now(ZoneOffset.UTC).toEpochDay(); }
  public static Integer unixDate(LocalDate d) { return d == null ? null : (Integer) (int) d.toEpochDay(); }
  public static Long unixTimestamp() { return System.currentTimeMillis(); }
  public static Long unixTimestamp(Instant t) { return t == null ? null : (Long) t.toEpochMilli(); }

  /** The wall clock of one zone read as the wall clock of UTC: what CONVERT_TZ gives for a TIMESTAMP without a zone. */
  public static Instant convertZone(Instant t, String from, String to) {
    if (t == null || from == null || to == null) {
      return null;
    }
    ZonedDateTime there = t.atZone(ZoneOffset.UTC).withZoneSameLocal(ZoneId.of(from)).withZoneSameInstant(ZoneId.of(to));
    return there.toLocalDateTime().toInstant(ZoneOffset.UTC);
  }

  /** An hour before a date is the day before. */
  public static LocalDate addDate(ChronoUnit unit, Integer n, LocalDate d) {
    return unit == null || n == null || d == null ? null : d.atStartOfDay().plus(n, unit).toLocalDate();
  }

  public static LocalDate subDate(ChronoUnit unit, Integer n, LocalDate d) {
    return n == null ? null : addDate(unit, -n, d);
  }

  public static LocalTime addTime(ChronoUnit unit, Integer n, LocalTime t) {
    return unit == null || n == null || t == null ? null : unit.isTimeBased() ? t.plus(n, unit) : t;
  }

  public static LocalTime subTime(ChronoUnit unit, Integer n, LocalTime t) {
    return n == null ? null : addTime(unit, -n, t);
  }

  public static Instant addTimestamp(ChronoUnit unit, Integer n, Instant t) {
    return unit == null || n == null || t == null ? null : t.atZone(ZoneOffset.UTC).plus(n, unit).toInstant();
  }

  public static Instant subTimestamp(ChronoUnit unit, Integer n, Instant t) {
    return n == null ? null : addTimestamp(unit, -n, t);
  }
}
