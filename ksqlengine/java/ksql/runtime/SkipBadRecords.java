package ksql.runtime;

import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.streams.errors.DeserializationExceptionHandler;
import org.apache.kafka.streams.errors.ErrorHandlerContext;

/** Skip what cannot be read; count and report it. `ksql.fail.on.deserialization.error` ends the query instead, as in ksqlDB. */
public final class SkipBadRecords implements DeserializationExceptionHandler {
  private String query = "";
  private boolean fail;

  @Override public DeserializationHandlerResponse handle(ErrorHandlerContext context, ConsumerRecord<byte[], byte[]> record, Exception error) {
    boolean key = inKey(error);
    ProcessingLog.deserialization(query, record.topic(), key ? "key" : "value", key ? record.key() : record.value(), error);
    return fail ? DeserializationHandlerResponse.FAIL : DeserializationHandlerResponse.CONTINUE;
  }

  /** Kafka Streams does not say which of the two failed; the place in its code where it did does. */
  private static boolean inKey(Throwable error) {
    for (Throwable t = error; t != null && t.getCause() != t; t = t.getCause()) {
      for (StackTraceElement place : t.getStackTrace()) {
        if (place.getMethodName().equals("deserializeKey")) {
          return true;
        }
      }
    }
    return false;
  }

  @Override public void configure(Map<String, ?> configs) {
    query = queryId(configs);
    fail = "true".equals(String.valueOf(configs.get("ksql.fail.on.deserialization.error")));
  }

  static String queryId(Map<String, ?> configs) {
    Object given = configs.get("ksql.query.id");
    return String.valueOf(given == null ? configs.get("application.id") : given);
  }
}
