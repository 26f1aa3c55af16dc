import io.confluent.parallelconsumer.ParallelConsumerOptions;
import io.confluent.parallelconsumer.ParallelConsumerOptions.CommitMode;
import io.confluent.parallelconsumer.ParallelConsumerOptions.ProcessingOrder;
import io.confluent.parallelconsumer.ParallelStreamProcessor;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Peer: Confluent's parallel-consumer. README.md says why these settings. */
final class ParallelConsumer {
    private ParallelConsumer() {}

    public static void main(String[] words) throws Exception {
        Arguments arguments = new Arguments(words, 0);
        ProcessingOrder ordering = ProcessingOrder.valueOf(arguments.text("ordering").toUpperCase());
        int concurrency = arguments.number("concurrency");
        int batch = arguments.number("batch");
        Map<String, String> consumer = Map.of(
                "enable.auto.commit", "false",
                "max.poll.records", System.getProperty("poll", "500"),
                "check.crcs", "false",
                "max.partition.fetch.bytes", System.getProperty("mpf", "1048576"),
                "fetch.max.bytes", "52428800");
        Map<String, Object> own = new LinkedHashMap<>();
        own.put("ordering", ordering);
        own.put("maxConcurrency", concurrency);
        own.put("batchSize", batch);
        own.put("commitMode", CommitMode.PERIODIC_CONSUMER_ASYNCHRONOUS);
        Contest.run("parallel-consumer-" + ordering.name().toLowerCase(), arguments, consumer, own,
                (client, topic, work, tally) -> {
                    var options = ParallelConsumerOptions.<byte[], byte[]>builder()
                            .consumer(client)
                            .ordering(ordering)
                            .maxConcurrency(concurrency)
                            .batchSize(batch)
                            .commitMode(CommitMode.PERIODIC_CONSUMER_ASYNCHRONOUS)
                            .build();
                    var processor = ParallelStreamProcessor.createEosStreamProcessor(options);
                    processor.subscribe(List.of(topic));
                    processor.poll(context -> context.forEach(record -> tally.handle(work, record.value())));
                    return processor::closeDontDrainFirst;
                });
    }
}
