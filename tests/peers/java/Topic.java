import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.GroupListing;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RemoveMembersFromConsumerGroupOptions;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.GroupState;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * The topic that the peers read: makes and fills it ({@code fill}), says how many records it has ({@code count}), and
 * removes it and the groups that have read it ({@code drop}).
 *
 * <p>A record has the shape of those of {@code sandbus bench}: an order of 1 KiB in JSON, a key of 36 bytes out of
 * 100,000, and the headers event_type, event_id and sent.
 */
final class Topic {
    private static final int PARTITIONS = 4;
    private static final int VALUE_BYTES = 1024;
    private static final int KEYS = 100_000;
    private static final int CUSTOMERS = 10_000;
    private static final int LONGEST_ITEM = 80;
    /** Should this program be killed, its topic goes by itself. */
    private static final String RETENTION_MS = "86400000";

    private Topic() {}

    public static void main(String[] words) throws Exception {
        if (words.length == 0) {
            throw Arguments.wrong("expected fill, count or drop");
        }
        Arguments arguments = new Arguments(words, 1);
        Properties properties = new Properties();
        properties.put("bootstrap.servers", arguments.text("bootstrap-servers"));
        properties.put("default.api.timeout.ms", "20000");
        properties.put("request.timeout.ms", "10000");
        String topic = arguments.text("topic");
        try (Admin admin = Admin.create(properties)) {
            switch (words[0]) {
                case "fill" -> fill(admin, properties, topic, arguments.number("records"));
                case "count" -> System.out.println(count(admin, topic));
                case "drop" -> drop(admin, topic, arguments.text("made").equals("yes"), arguments.text("groups"));
                default -> throw Arguments.wrong("expected fill, count or drop, found " + words[0]);
            }
        } catch (ExecutionException error) {
            System.err.println("error: topic " + topic + " at " + arguments.text("bootstrap-servers") + ": "
                    + error.getCause().getMessage());
            System.exit(1);
        }
    }

    private static void fill(Admin admin, Properties connection, String topic, int records)
            throws ExecutionException, InterruptedException {
        Map<String, String> configs = Map.of("retention.ms", RETENTION_MS);
        admin.createTopics(List.of(new NewTopic(topic, Optional.of(PARTITIONS), Optional.empty()).configs(configs)))
                .all().get();
        Properties properties = new Properties();
        properties.putAll(connection);
        properties.put("acks", "all");
        properties.put("linger.ms", "20");
        properties.put("batch.size", "262144");
        AtomicReference<Exception> refused = new AtomicReference<>();
        var bytes = new ByteArraySerializer();
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(properties, bytes, bytes)) {
            for (int number = 0; number < records && refused.get() == null; number++) {
                producer.send(record(topic, number), (metadata, error) -> {
                    if (error != null) {
                        refused.compareAndSet(null, error);
                    }
                });
            }
        }
        if (refused.get() != null) {
            throw new ExecutionException(refused.get());
        }
    }

    private static ProducerRecord<byte[], byte[]> record(String topic, int number) {
        long key = Long.remainderUnsigned(mixed(number), KEYS);
        var record = new ProducerRecord<>(topic, uuid(key).getBytes(), order(number, key));
        record.headers()
                .add(new RecordHeader("event_type", "OrderCreated".getBytes()))
                .add(new RecordHeader("event_id", uuid(number).getBytes()))
                .add(new RecordHeader("sent", new byte[8]));
        return record;
    }

    private static byte[] order(int number, long key) {
        StringBuilder text = new StringBuilder(VALUE_BYTES)
                .append("{\"order_id\":\"o-").append(number).append("\",\"customer\":\"c-").append(key % CUSTOMERS)
                .append("\",\"currency\":\"EUR\",\"items\":[");
        long random = mixed(number ^ 0x5bd1e995L);
        while (true) {
            text.append("{\"sku\":\"s-").append(Long.remainderUnsigned(random, 50_000))
                    .append("\",\"quantity\":").append((random >>> 16 & 3) + 1)
                    .append(",\"price_cents\":").append(199 + (random >>> 24 & 0x1fff)).append('}');
            if (text.length() + LONGEST_ITEM >= VALUE_BYTES) {
                break;
            }
            text.append(',');
            random = mixed(random);
        }
        text.append("],\"note\":\"");
        text.append("x".repeat(VALUE_BYTES - text.length() - 2)).append("\"}");
        return text.toString().getBytes();
    }

    /** Spreads numbers, and never maps two to one (splitmix64). */
    private static long mixed(long number) {
        long mixed = number + 0x9e3779b97f4a7c15L;
        mixed = (mixed ^ mixed >>> 30) * 0xbf58476d1ce4e5b9L;
        mixed = (mixed ^ mixed >>> 27) * 0x94d049bb133111ebL;
        return mixed ^ mixed >>> 31;
    }

    /** 36 bytes that look like a UUID. */
    private static String uuid(long number) {
        return new UUID(mixed(number), mixed(~number)).toString();
    }

    private static long count(Admin admin, String topic) throws ExecutionException, InterruptedException {
        int partitions =
                admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions().size();
        return offsets(admin, topic, partitions, OffsetSpec.latest())
                - offsets(admin, topic, partitions, OffsetSpec.earliest());
    }

    private static long offsets(Admin admin, String topic, int partitions, OffsetSpec which)
            throws ExecutionException, InterruptedException {
        var asked = IntStream.range(0, partitions).boxed()
                .collect(Collectors.toMap(partition -> new TopicPartition(topic, partition), partition -> which));
        return admin.listOffsets(asked).all().get().values().stream().mapToLong(info -> info.offset()).sum();
    }

    /** Removes all groups whose name begins like that, and the topic if this run has made it. */
    private static void drop(Admin admin, String topic, boolean made, String groups)
            throws ExecutionException, InterruptedException {
        if (made) {
            admin.deleteTopics(List.of(topic)).all().get();
        }
        List<String> used = new ArrayList<>();
        for (GroupListing group : admin.listGroups().all().get()) {
            if (group.groupId().startsWith(groups)) {
                used.add(group.groupId());
                if (!group.groupState().equals(Optional.of(GroupState.EMPTY))) {
                    // Of a peer that was ended in the middle.
                    var everybody = new RemoveMembersFromConsumerGroupOptions();
                    admin.removeMembersFromConsumerGroup(group.groupId(), everybody).all().get();
                }
            }
        }
        admin.deleteConsumerGroups(used).all().get();
    }
}
