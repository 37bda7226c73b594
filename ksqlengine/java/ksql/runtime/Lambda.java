package ksql.runtime;

/** A lambda's body. Generated. */
public interface Lambda {
  Object call(Object[] args);
}
