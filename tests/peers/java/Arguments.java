import java.util.HashMap;
import java.util.Map;

/** A program's arguments: {@code --name value}, each one required. What is wrong with them ends the program. */
final class Arguments {
    private final Map<String, String> values = new HashMap<>();

    Arguments(String[] words, int from) {
        for (int at = from; at < words.length; at += 2) {
            if (!words[at].startsWith("--") || at + 1 == words.length) {
                throw wrong("expected --name value, found " + words[at]);
            }
            values.put(words[at].substring(2), words[at + 1]);
        }
    }

    String text(String name) {
        String value = values.get(name);
        if (value == null) {
            throw wrong("--" + name + " is missing");
        }
        return value;
    }

    /** A whole number of at least one. */
    int number(String name) {
        String text = text(name);
        try {
            int number = Integer.parseInt(text);
            if (number > 0) {
                return number;
            }
        } catch (NumberFormatException ignored) {
            // Said below.
        }
        throw wrong("--" + name + " is " + text + "; expected a whole number of at least 1");
    }

    static IllegalArgumentException wrong(String message) {
        return new IllegalArgumentException(message);
    }
}
