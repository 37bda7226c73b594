package ksql.runtime;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/** Kafka's own serializers for a single field. */
final class KafkaCodec extends Codec {
  KafkaCodec(String id, String[] names, String[] types, int[] slots, int width) {
    super(id, names, types, slots, width);
  }

  @Override public Object[] read(byte[] data) {
    if (data == null) {
      return null;
    }
    Object[] row = new Object[width];
    if (types.length > 0) {
      Object value = decode(data); // also where nobody asks: too few bytes make a bad record
      if (slots[0] >= 0) {
        row[slots[0]] = value;
      }
    }
    return row;
  }

  @Override boolean canonical() {
    return true;
  }

  private Object decode(byte[] data) {
    ByteBuffer b = ByteBuffer.wrap(data);
    switch (types[0].base) {
      case INTEGER:
        size(data, 4, "IntegerDeserializer");
        return b.getInt();
      case BIGINT:
        size(data, 8, "LongDeserializer");
        return b.getLong();
      case DOUBLE:
        size(data, 8, "DoubleDeserializer");
        return b.getDouble();
      case BYTES:
        return b;
      default:
        return slots[0] < 0 ? null : new String(data, StandardCharsets.UTF_8);
    }
  }

  private static void size(byte[] data, int wanted, String who) {
    if (data.length != wanted) {
      throw new IllegalArgumentException("Size of data received by " + who + " is not " + wanted);
    }
  }

  @Override public byte[] write(Object[] row) {
    Object value = row == null || types.length == 0 ? null : row[0];
    if (value == null) {
      return null;
    }
    switch (types[0].base) {
      case INTEGER:
        return ByteBuffer.allocate(4).putInt((Integer) value).array();
      case BIGINT:
        return ByteBuffer.allocate(8).putLong((Long) value).array();
      case DOUBLE:
        return ByteBuffer.allocate(8).putDouble((Double) value).array();
      case BYTES:
        ByteBuffer b = ((ByteBuffer) value).duplicate();
        byte[] out = new byte[b.remaining()];
        b.get(out);
        return out;
      default:
        return ((String) value).getBytes(StandardCharsets.UTF_8);
    }
  }
}
