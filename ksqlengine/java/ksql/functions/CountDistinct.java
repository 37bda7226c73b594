package ksql.functions;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import ksql.runtime.BinaryCodec;
import ksql.runtime.Udaf;

/**
 * COUNT_DISTINCT: exact for up to 511 values of a group, an estimate beyond (HyperLogLog, 4096 registers: a standard error
 * of 1.6 %), so that a state never takes more than 4 KB. Null is left out.
 *
 * <p>The state is a ByteBuffer: the sorted 64-bit hashes of the values, or the registers, one byte each. The estimate is
 * Otmar Ertl's (New cardinality estimation algorithms for HyperLogLog sketches, 2017), which needs no table of corrections.
 */
public final class CountDistinct extends Udaf {
  static final int EXACT = 511; // as bytes never as long as the registers: the length tells which of both a state is
  private static final int BITS = 12;
  private static final int REGISTERS = 1 << BITS;
  private static final int HASH_BITS = 64 - BITS;

  @Override public Object init() {
    return ByteBuffer.allocate(0);
  }

  @Override public Object add(Object state, Object arg) {
    return arg == null ? state : put(bytes(state), hash(arg), (ByteBuffer) (state instanceof ByteBuffer ? state : null));
  }

  /** Return `same` when the value changes nothing. */
  private static ByteBuffer put(byte[] state, long hash, ByteBuffer same) {
    if (state.length == REGISTERS) {
      int at = (int) (hash >>> HASH_BITS);
      byte rank = rank(hash);
      if (state[at] >= rank) {
        return same != null ? same : ByteBuffer.wrap(state);
      }
      byte[] out = state.clone();
      out[at] = rank;
      return ByteBuffer.wrap(out);
    }
    long[] hashes = hashes(state);
    int at = Arrays.binarySearch(hashes, hash);
    if (at >= 0) {
      return same != null ? same : ByteBuffer.wrap(state);
    }
    if (hashes.length == EXACT) {
      byte[] registers = registers(state);
      raise(registers, hash);
      return ByteBuffer.wrap(registers);
    }
    byte[] out = new byte[state.length + 8];
    int place = (-at - 1) * 8;
    System.arraycopy(state, 0, out, 0, place);
    ByteBuffer.wrap(out).putLong(place, hash);
    System.arraycopy(state, place, out, place + 8, state.length - place);
    return ByteBuffer.wrap(out);
  }

  @Override public Object merge(Object left, Object right) {
    byte[] l = bytes(left);
    byte[] r = bytes(right);
    if (r.length == REGISTERS && l.length != REGISTERS) {
      byte[] swap = l;
      l = r;
      r = swap;
    }
    if (r.length == REGISTERS) {
      byte[] out = l.clone();
      for (int i = 0; i < REGISTERS; i++) {
        out[i] = (byte) Math.max(out[i], r[i]);
      }
      return ByteBuffer.wrap(out);
    }
    ByteBuffer out = ByteBuffer.wrap(l);
    for (long hash : hashes(r)) {
      out = put(Bytes.array(out), hash, out);
    }
    return out;
  }

  @Override public Object result(Object state) {
    byte[] b = bytes(state);
    return b.length == REGISTERS ? estimate(b) : (long) (b.length / 8);
  }

  /** A state as bytes; one of an older engine is the list of the values themselves. */
  private static byte[] bytes(Object state) {
    if (state instanceof List) {
      ByteBuffer out = ByteBuffer.allocate(0);
      for (Object v : (List<?>) state) {
        out = put(Bytes.array(out), hash(v), out);
      }
      return Bytes.array(out);
    }
    return Bytes.array((ByteBuffer) state);
  }

  private static long[] hashes(byte[] state) {
    long[] out = new long[state.length / 8];
    ByteBuffer.wrap(state).asLongBuffer().get(out);
    return out;
  }

  private static byte[] registers(byte[] state) {
    byte[] out = new byte[REGISTERS];
    for (long hash : hashes(state)) {
      raise(out, hash);
    }
    return out;
  }

  private static void raise(byte[] registers, long hash) {
    int at = (int) (hash >>> HASH_BITS);
    registers[at] = (byte) Math.max(registers[at], rank(hash));
  }

  /** The place of the first 1 behind the bits that choose the register. */
  private static byte rank(long hash) {
    return (byte) Math.min(Long.numberOfLeadingZeros(hash << BITS) + 1, HASH_BITS + 1);
  }

  private static long estimate(byte[] registers) {
    int[] counts = new int[HASH_BITS + 2];
    for (byte r : registers) {
      counts[r]++;
    }
    double m = REGISTERS;
    double z = m * tau(1 - counts[HASH_BITS + 1] / m);
    for (int k = HASH_BITS; k >= 1; k--) {
      z = 0.5 * (z + counts[k]);
    }
    z += m * sigma(counts[0] / m);
    return Math.round(m * m / (2 * Math.log(2)) / z);
  }

  private static double sigma(double of) {
    if (of == 1) {
      return Double.POSITIVE_INFINITY;
    }
    double x = of;
    double y = 1;
    double z = x;
    double before;
    do {
      x *= x;
      before = z;
      z += x * y;
      y += y;
    } while (z != before);
    return z;
  }

  private static double tau(double of) {
    if (of == 0 || of == 1) {
      return 0;
    }
    double x = of;
    double y = 1;
    double z = 1 - x;
    double before;
    do {
      x = Math.sqrt(x);
      before = z;
      y *= 0.5;
      z -= (1 - x) * (1 - x) * y;
    } while (z != before);
    return z / 3;
  }

  /** FNV-1a over the stored form, mixed so that all bits depend on all others. */
  static long hash(Object v) {
    long h = 0xcbf29ce484222325L;
    for (byte b : BinaryCodec.write(new Object[] {v instanceof Map ? sorted((Map<?, ?>) v) : v})) {
      h = (h ^ b & 0xff) * 0x100000001b3L;
    }
    h = (h ^ h >>> 30) * 0xbf58476d1ce4e5b9L;
    h = (h ^ h >>> 27) * 0x94d049bb133111ebL;
    return h ^ h >>> 31;
  }

  /** Equal maps may be in another order. */
  private static Map<?, ?> sorted(Map<?, ?> map) {
    return map.containsKey(null) ? map : new TreeMap<Object, Object>(map);
  }
}
