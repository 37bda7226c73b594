package ksql.runtime;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.producer.ProducerRecord;

/**
 * Results that a broker has refused as too large. The refusal spoils the transaction, so the thread starts again and comes to
 * the same record: this time it is known and left out before it reaches the producer.
 */
public final class Oversized {
  private static final int KEPT = 1_000;
  private static final Set<ByteBuffer> KNOWN = Collections.newSetFromMap(new LinkedHashMap<ByteBuffer, Boolean>() {
    @Override protected boolean removeEldestEntry(Map.Entry<ByteBuffer, Boolean> eldest) {
      return size() > KEPT;
    }
  });
  private static volatile int smallest = Integer.MAX_VALUE;

  private Oversized() {
  }

  static void remember(ProducerRecord<byte[], byte[]> record) {
    synchronized (KNOWN) {
      KNOWN.add(digest(record));
      smallest = Math.min(smallest, size(record));
    }
  }

  public static boolean knows(ProducerRecord<byte[], byte[]> record) {
    if (size(record) < smallest) {
      return false;
    }
    synchronized (KNOWN) {
      return KNOWN.contains(digest(record));
    }
  }

  private static int size(ProducerRecord<byte[], byte[]> record) {
    return (record.key() == null ? 0 : record.key().length) + (record.value() == null ? 0 : record.value().length);
  }

  private static ByteBuffer digest(ProducerRecord<byte[], byte[]> record) {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      digest.update(record.topic().getBytes(StandardCharsets.UTF_8));
      digest.update((byte) 0);
      if (record.key() != null) {
        digest.update(record.key());
      }
      digest.update((byte) 0);
      if (record.value() != null) {
        digest.update(record.value());
      }
      return ByteBuffer.wrap(digest.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }
}
