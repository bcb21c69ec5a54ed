package rolecall;

import java.util.Arrays;
import java.util.Collection;
import java.util.Comparator;
import java.util.TreeSet;

/** Orders text by its bytes in UTF-8, as the servers do. {@link String#compareTo} orders some characters differently. */
final class Utf8Order {
    static final Comparator<String> BYTES =
        (left, right) -> Arrays.compareUnsigned(KeySet.utf8(left), KeySet.utf8(right));

    private Utf8Order() {
    }

    /** Returns the texts in order, each once. */
    static TreeSet<String> of(Collection<String> texts) {
        TreeSet<String> sorted = new TreeSet<>(BYTES);
        sorted.addAll(texts);
        return sorted;
    }

    /** Returns the values of a scope, which spaces separate. */
    static TreeSet<String> values(String scope) {
        TreeSet<String> values = of(Arrays.asList(scope.split(" ", -1)));
        values.remove("");
        return values;
    }
}
