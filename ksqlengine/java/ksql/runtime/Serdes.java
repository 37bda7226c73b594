package ksql.runtime;

import java.nio.ByteBuffer;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.processor.StreamPartitioner;

/** Kafka's serdes over the codecs. */
public final class Serdes {
  private Serdes() {
  }

  private abstract static class Both<T> implements Serde<T>, Serializer<T>, Deserializer<T> {
    @Override public Serializer<T> serializer() {
      return this;
    }

    @Override public Deserializer<T> deserializer() {
      return this;
    }

    @Override public void close() {
    }

    @Override public void configure(java.util.Map<String, ?> configs, boolean isKey) {
    }
  }

  /** Rows of internal topics and stores. */
  public static Serde<Object[]> internal() {
    return new Both<Object[]>() {
      @Override public byte[] serialize(String topic, Object[] row) {
        return BinaryCodec.write(row);
      }

      @Override public Object[] deserialize(String topic, byte[] data) {
        return BinaryCodec.read(data);
      }
    };
  }

  /** Rows of a user's topic. */
  public static Serde<Object[]> rows(Codec codec) {
    return new Both<Object[]>() {
      @Override public byte[] serialize(String topic, Object[] row) {
        return codec.write(row);
      }

      @Override public Object[] deserialize(String topic, byte[] data) {
        return codec.read(data);
      }
    };
  }

  /**
   * Keys. window: "" none; TIME key, start; SESSION key, end, start. sizeMs gives the end of a time window that is read;
   * eager reads the columns at once, so that a bad key is found where records are skipped.
   */
  public static Serde<Key> keys(Codec codec, String window, long sizeMs, boolean eager) {
    boolean session = window.equals("SESSION");
    boolean time = window.equals("TIME");
    return new Both<Key>() {
      @Override public byte[] serialize(String topic, Key key) {
        if (key == null) {
          return null;
        }
        byte[] inner = key.bytes(codec);
        return time || session ? windowed(inner, key.windowStart, key.windowEnd, session) : inner;
      }

      @Override public Key deserialize(String topic, byte[] data) {
        if (data == null || codec instanceof Codec.NoneCodec) {
          return null;
        }
        Key key;
        if (time || session) {
          int n = data.length - (session ? 16 : 8);
          byte[] inner = java.util.Arrays.copyOf(data, n);
          ByteBuffer b = ByteBuffer.wrap(data, n, data.length - n);
          long first = b.getLong();
          long start = session ? b.getLong() : first;
          key = new Key(inner, codec, start, session ? first : sizeMs < 0 ? Long.MAX_VALUE : start + sizeMs);
        } else {
          key = new Key(data, codec, Key.NO_WINDOW, Key.NO_WINDOW);
        }
        if (eager) {
          key.columns();
        }
        return key;
      }
    };
  }

  /** Keys of windowed results as they are written: key and start, for sessions key, end, start. */
  public static Serde<Object> windowedKeys(Codec codec, boolean session) {
    return new Both<Object>() {
      @Override public byte[] serialize(String topic, Object key) {
        if (key == null) {
          return null;
        }
        Windowed<?> w = (Windowed<?>) key;
        return windowed(((Key) w.key()).bytes(codec), w.window().start(), w.window().end(), session);
      }

      @Override public Object deserialize(String topic, byte[] data) {
        throw new UnsupportedOperationException("a windowed result is only written");
      }
    };
  }

  static byte[] windowed(byte[] key, long start, long end, boolean session) {
    int n = key == null ? 0 : key.length;
    ByteBuffer b = ByteBuffer.allocate(n + (session ? 16 : 8));
    if (key != null) {
      b.put(key);
    }
    if (session) {
      b.putLong(end);
    }
    return b.putLong(start).array();
  }

  /** Put all windows of a key into the partition of the key. */
  public static StreamPartitioner<Object, Object[]> byInnerKey(Codec codec) {
    return new StreamPartitioner<Object, Object[]>() {
      @Override public java.util.Optional<java.util.Set<Integer>> partitions(String topic, Object key, Object[] value, int n) {
        Object inner = key instanceof Windowed ? ((Windowed<?>) key).key() : key;
        byte[] bytes = inner == null ? null : ((Key) inner).bytes(codec);
        if (bytes == null) {
          return java.util.Optional.empty();
        }
        int p = org.apache.kafka.common.utils.Utils.toPositive(org.apache.kafka.common.utils.Utils.murmur2(bytes)) % n;
        return java.util.Optional.of(java.util.Collections.singleton(p));
      }
    };
  }
}
