package ksql.runtime;

import java.util.Map;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.streams.errors.ErrorHandlerContext;
import org.apache.kafka.streams.errors.ProcessingExceptionHandler;
import org.apache.kafka.streams.processor.api.Record;

/** Skip a record whose processing fails in our code (a value no aggregate takes, a key that cannot be read late). What Kafka itself throws ends the thread. */
public final class SkipUnprocessable implements ProcessingExceptionHandler {
  private String query = "";

  @Override public ProcessingHandlerResponse handle(ErrorHandlerContext context, Record<?, ?> record, Exception error) {
    for (Throwable t = error; t != null && t.getCause() != t; t = t.getCause()) {
      if (t instanceof KafkaException) {
        return ProcessingHandlerResponse.FAIL;
      }
    }
    ProcessingLog.processing(query, String.valueOf(context.processorNodeId()), "Error processing a record of topic " + context.topic(),
        context.sourceRawValue(), error);
    return ProcessingHandlerResponse.CONTINUE;
  }

  @Override public void configure(Map<String, ?> configs) {
    query = SkipBadRecords.queryId(configs);
  }
}
