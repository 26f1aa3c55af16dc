import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import java.io.IOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * What is done with a record: the same as the handler of {@code sandbus bench} does (examples/bench).
 *
 * <p>Any number of threads may call it. Each has a map of its own, as each instance of a handler has.
 */
enum Work {
    /** Looks at the value. */
    NOOP {
        @Override
        void handle(byte[] value) {
            seen = value.length == 0 ? 0 : value.length + value[0] + value[value.length - 1];
        }
    },
    /** Parses an order and adds it up in a map, by customer. */
    JSON {
        @Override
        void handle(byte[] value) throws IOException {
            Order order = ORDERS.readValue(value);
            Totals totals = customers.get().computeIfAbsent(order.customer, customer -> new Totals());
            totals.orders++;
            for (Item item : order.items) {
                totals.items += item.quantity;
                totals.cents += item.quantity * item.price_cents;
            }
        }
    },
    /** Waits, as on an HTTP call. */
    WAIT {
        @Override
        void handle(byte[] value) throws InterruptedException {
            Thread.sleep(WAIT_MS);
        }
    };

    static final int WAIT_MS = 20;

    private static final ObjectReader ORDERS = new ObjectMapper()
            .configure(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES, false)
            .readerFor(Order.class);

    /** Read by nobody, so that looking at a value is not optimised away. */
    static int seen;

    private static final ThreadLocal<Map<String, Totals>> customers = ThreadLocal.withInitial(HashMap::new);

    abstract void handle(byte[] value) throws IOException, InterruptedException;

    static final class Totals {
        long orders;
        long items;
        long cents;
    }

    // Public fields with the names that the JSON has: Jackson's quickest way without a module of its own.
    public static final class Order {
        public String customer;
        public List<Item> items;
    }

    public static final class Item {
        public String sku;
        public long quantity;
        public long price_cents;
    }
}
