package ksql.runtime;

/** Rows to bytes and back in one format. Safe for use by several threads. */
public abstract class Codec {
  final String[] names;
  final SqlType[] types;
  /** Where field i goes in a row that is read; -1 when nobody needs it. */
  final int[] slots;
  final int width;
  final String id;

  Codec(String id, String[] names, String[] types, int[] slots, int width) {
    this.id = id;
    this.names = names;
    this.types = new SqlType[types.length];
    for (int i = 0; i < types.length; i++) {
      this.types[i] = SqlType.of(types[i]);
    }
    this.slots = slots;
    this.width = width;
  }

  /** Read a row; null for a tombstone. Throws on bytes that are not in the format. */
  public abstract Object[] read(byte[] data);

  /** Write a row's first fields. */
  public abstract byte[] write(Object[] row);

  /** Say whether a value has one spelling only, so that bytes may be passed on as they came. */
  boolean canonical() {
    return false;
  }

  boolean sameAs(Codec other) {
    return id.equals(other.id);
  }

  /** Make a codec: wrap says whether a single field stands in a record (JSON). */
  public static Codec of(String format, String[] names, String[] types, int[] slots, int width, boolean wrap, String delimiter) {
    StringBuilder id = new StringBuilder(format).append(wrap).append(delimiter);
    for (int i = 0; i < names.length; i++) {
      id.append('|').append(names[i]).append(' ').append(types[i]);
    }
    String text = id.toString();
    switch (format) {
      case "JSON":
        return new JsonCodec(text, names, types, slots, width, wrap);
      case "KAFKA":
        return new KafkaCodec(text, names, types, slots, width);
      case "DELIMITED":
        return new DelimitedCodec(text, names, types, slots, width, delimiter.charAt(0));
      case "NONE":
        return new NoneCodec(text, slots, width);
      default:
        throw new IllegalArgumentException("Unknown format: " + format);
    }
  }

  static final class NoneCodec extends Codec {
    NoneCodec(String id, int[] slots, int width) {
      super(id, new String[0], new String[0], slots, width);
    }

    @Override public Object[] read(byte[] data) {
      return null;
    }

    @Override public byte[] write(Object[] row) {
      return null;
    }
  }
}
