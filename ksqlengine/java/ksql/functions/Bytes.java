package ksql.functions;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;

/** Functions over bytes and the encodings of text. null in, null out. */
public final class Bytes {
  private Bytes() {
  }

  static byte[] array(ByteBuffer b) {
    byte[] out = new byte[b.remaining()];
    b.duplicate().get(out);
    return out;
  }

  public static Integer len(ByteBuffer b) {
    return b == null ? null : (Integer) b.remaining();
  }

  /** Null parts count as empty. */
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

  /** Null parts are left out; a null separator gives null. */
  public static ByteBuffer concatWs(ByteBuffer separator, ByteBuffer first, ByteBuffer[] rest) {
    if (separator == null) {
      return null;
    }
    List<ByteBuffer> parts = new ArrayList<>();
    if (first != null) {
      parts.add(first);
    }
    for (ByteBuffer b : rest) {
      if (b != null) {
        if (!parts.isEmpty()) {
          parts.add(separator);
        }
        parts.add(b);
      }
    }
    return concat(null, parts.toArray(new ByteBuffer[0]));
  }

  public static ByteBuffer substring(ByteBuffer b, Integer from) {
    return b == null || from == null ? null : part(b, Strings.start(b.remaining(), from), b.remaining());
  }

  public static ByteBuffer substring(ByteBuffer b, Integer from, Integer length) {
    if (b == null || from == null || length == null) {
      return null;
    }
    int at = Strings.start(b.remaining(), from);
    return part(b, at, Math.max(at, (int) Math.min(b.remaining(), (long) at + length)));
  }

  private static ByteBuffer part(ByteBuffer b, int from, int to) {
    return ByteBuffer.wrap(java.util.Arrays.copyOfRange(array(b), from, to));
  }

  public static ByteBuffer lpad(ByteBuffer b, Integer length, ByteBuffer padding) {
    return pad(b, length, padding, true);
  }

  public static ByteBuffer rpad(ByteBuffer b, Integer length, ByteBuffer padding) {
    return pad(b, length, padding, false);
  }

  private static ByteBuffer pad(ByteBuffer b, Integer length, ByteBuffer padding, boolean left) {
    if (b == null || length == null || length < 0 || padding == null || !padding.hasRemaining()) {
      return null;
    }
    if (length <= b.remaining()) {
      return part(b, 0, length);
    }
    Strings.checkLength(length);
    byte[] unit = array(padding);
    byte[] pad = new byte[length - b.remaining()];
    for (int i = 0; i < pad.length; i++) {
      pad[i] = unit[i % unit.length];
    }
    ByteBuffer more = ByteBuffer.wrap(pad);
    return left ? concat(more, new ByteBuffer[] {b}) : concat(b, new ByteBuffer[] {more});
  }

  /** Split at a delimiter; an empty one gives the single bytes. */
  public static List<ByteBuffer> split(ByteBuffer b, ByteBuffer delimiter) {
    if (b == null || delimiter == null) {
      return null;
    }
    // Latin-1 maps each byte to one character and back
    List<ByteBuffer> out = new ArrayList<>();
    for (String s : Strings.split(latin(b), latin(delimiter))) {
      out.add(ByteBuffer.wrap(s.getBytes(StandardCharsets.ISO_8859_1)));
    }
    return out;
  }

  private static String latin(ByteBuffer b) {
    return new String(array(b), StandardCharsets.ISO_8859_1);
  }

  public static ByteBuffer toBytes(String s, String encoding) {
    return s == null || encoding == null ? null : ByteBuffer.wrap(decode(s, encoding));
  }

  public static String fromBytes(ByteBuffer b, String encoding) {
    return b == null || encoding == null ? null : encode(array(b), encoding, true);
  }

  /** Text of one encoding as text of another. */
  public static String encode(String s, String from, String to) {
    return s == null || from == null || to == null ? null : encode(decode(s, from), to, false);
  }

  private static byte[] decode(String s, String encoding) {
    switch (encoding) {
      case "hex":
        return hex(s);
      case "base64":
        return Base64.getDecoder().decode(s);
      default:
        return s.getBytes(charset(encoding));
    }
  }

  /** Read 0x61, X'61', x'61' or 61; only behind 0x may the first digit of an odd number stand for a whole byte. */
  private static byte[] hex(String s) {
    if (s.startsWith("0x")) {
      return HexFormat.of().parseHex(s.length() % 2 == 0 ? s.substring(2) : "0" + s.substring(2));
    }
    boolean quoted = s.length() > 2 && (s.startsWith("X'") || s.startsWith("x'")) && s.endsWith("'");
    return HexFormat.of().parseHex(quoted ? s.substring(2, s.length() - 1) : s);
  }

  private static String encode(byte[] b, String encoding, boolean upper) {
    switch (encoding) {
      case "hex":
        return (upper ? HexFormat.of().withUpperCase() : HexFormat.of()).formatHex(b);
      case "base64":
        return Base64.getEncoder().encodeToString(b);
      default:
        return new String(b, charset(encoding));
    }
  }

  private static Charset charset(String encoding) {
    switch (encoding) {
      case "utf8":
        return StandardCharsets.UTF_8;
      case "ascii":
        return StandardCharsets.US_ASCII;
      default:
        throw new IllegalArgumentException("Supported input and output encodings are: hex, utf8, ascii and base64");
    }
  }

  private static ByteBuffer number(ByteBuffer b, String order, int size) {
    if (b.remaining() != size) {
      throw new IllegalArgumentException("Number of bytes must be equal to " + size + ", but found " + b.remaining());
    }
    ByteOrder named = "BIG_ENDIAN".equalsIgnoreCase(order) ? ByteOrder.BIG_ENDIAN
        : "LITTLE_ENDIAN".equalsIgnoreCase(order) ? ByteOrder.LITTLE_ENDIAN : null;
    if (named == null) {
      throw new IllegalArgumentException("Byte order must be BIG_ENDIAN or LITTLE_ENDIAN");
    }
    return b.duplicate().order(named);
  }

  public static Integer intFrom(ByteBuffer b) {
    return intFrom(b, "BIG_ENDIAN");
  }

  public static Integer intFrom(ByteBuffer b, String order) {
    return b == null ? null : (Integer) number(b, order, 4).getInt();
  }

  public static Long bigintFrom(ByteBuffer b) {
    return bigintFrom(b, "BIG_ENDIAN");
  }

  public static Long bigintFrom(ByteBuffer b, String order) {
    return b == null ? null : (Long) number(b, order, 8).getLong();
  }

  public static Double doubleFrom(ByteBuffer b) {
    return doubleFrom(b, "BIG_ENDIAN");
  }

  public static Double doubleFrom(ByteBuffer b, String order) {
    return b == null ? null : (Double) number(b, order, 8).getDouble();
  }
}
