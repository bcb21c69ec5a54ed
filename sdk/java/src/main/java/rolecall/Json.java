package rolecall;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Reads JSON strictly: no duplicate members, no deep nesting, no byte-order mark, no lone surrogates.
 *
 * <p>Two parsers could read such a text differently (RFC 8725 section 2.6), and the parsers of applications accept it. The
 * values are {@code null}, {@link Boolean}, {@link Number}, {@link String}, {@link List} and {@link Map}.
 */
final class Json {
    /** The deepest nesting of arrays and objects in a token and a key set. */
    static final int TOKEN_DEPTH = 16;
    /** The deepest nesting in an answer of the issuer. */
    static final int ANSWER_DEPTH = 128;

    /** The text is not strict JSON. */
    static final class NotStrict extends Exception {
        private static final long serialVersionUID = 1;

        NotStrict() {
            super("not strict JSON");
        }
    }

    /**
     * A number. {@code integer} is null for one that is written with a fraction or an exponent, or does not fit in 64 bits;
     * {@code isWhole} is true if it is written without both.
     */
    record Num(Long integer, boolean isWhole, double value) {
    }

    private final String text;
    private int at;

    private Json(String text) {
        this.text = text;
    }

    /** Reads one value. */
    static Object parse(byte[] bytes, int maxDepth) throws NotStrict {
        return parse(decode(bytes), maxDepth);
    }

    static Object parse(String text, int maxDepth) throws NotStrict {
        Json json = new Json(text);
        Object value = json.value(maxDepth);
        json.space();
        if (json.at != text.length()) {
            throw new NotStrict();
        }
        return value;
    }

    /** Reads a text that must be an object. */
    @SuppressWarnings("unchecked")
    static Map<String, Object> object(byte[] bytes, int maxDepth) throws NotStrict {
        if (parse(bytes, maxDepth) instanceof Map<?, ?> members) {
            return (Map<String, Object>) members;
        }
        throw new NotStrict();
    }

    private static String decode(byte[] bytes) throws NotStrict {
        try {
            CharBuffer chars = StandardCharsets.UTF_8.newDecoder()
                .onMalformedInput(CodingErrorAction.REPORT)
                .onUnmappableCharacter(CodingErrorAction.REPORT)
                .decode(ByteBuffer.wrap(bytes));
            return chars.toString();
        } catch (CharacterCodingException fault) {
            throw new NotStrict();
        }
    }

    private void space() {
        while (at < text.length() && " \t\n\r".indexOf(text.charAt(at)) >= 0) {
            at++;
        }
    }

    private char next() throws NotStrict {
        if (at == text.length()) {
            throw new NotStrict();
        }
        return text.charAt(at++);
    }

    private boolean take(char wanted) {
        if (at < text.length() && text.charAt(at) == wanted) {
            at++;
            return true;
        }
        return false;
    }

    private Object value(int depth) throws NotStrict {
        space();
        if (at == text.length()) {
            throw new NotStrict();
        }
        return switch (text.charAt(at)) {
            case 'n' -> word("null", null);
            case 't' -> word("true", true);
            case 'f' -> word("false", false);
            case '"' -> string();
            case '[' -> array(depth);
            case '{' -> members(depth);
            default -> number();
        };
    }

    private Object word(String word, Object value) throws NotStrict {
        if (!text.startsWith(word, at)) {
            throw new NotStrict();
        }
        at += word.length();
        return value;
    }

    private List<Object> array(int depth) throws NotStrict {
        if (depth == 0) {
            throw new NotStrict();
        }
        at++;
        List<Object> items = new ArrayList<>();
        space();
        if (take(']')) {
            return items;
        }
        while (true) {
            items.add(value(depth - 1));
            space();
            if (take(']')) {
                return items;
            }
            if (!take(',')) {
                throw new NotStrict();
            }
        }
    }

    private Map<String, Object> members(int depth) throws NotStrict {
        if (depth == 0) {
            throw new NotStrict();
        }
        at++;
        Map<String, Object> members = new LinkedHashMap<>();
        space();
        if (take('}')) {
            return members;
        }
        while (true) {
            space();
            String name = string();
            space();
            // compared after escapes are resolved, which can hide that two names are equal
            if (members.containsKey(name) || !take(':')) {
                throw new NotStrict();
            }
            members.put(name, value(depth - 1));
            space();
            if (take('}')) {
                return members;
            }
            if (!take(',')) {
                throw new NotStrict();
            }
        }
    }

    private void digits() throws NotStrict {
        int start = at;
        while (at < text.length() && text.charAt(at) >= '0' && text.charAt(at) <= '9') {
            at++;
        }
        if (at == start) {
            throw new NotStrict();
        }
    }

    private Num number() throws NotStrict {
        int start = at;
        boolean isNegative = take('-');
        if (!take('0')) {
            digits();
        }
        boolean isWhole = true;
        if (take('.')) {
            isWhole = false;
            digits();
        }
        if (take('e') || take('E')) {
            isWhole = false;
            if (!take('+')) {
                take('-');
            }
            digits();
        }
        String written = text.substring(start, at);
        double value = Double.parseDouble(written);
        if (Double.isInfinite(value)) {
            throw new NotStrict();
        }
        Long integer = null;
        if (isWhole) {
            try {
                long whole = Long.parseLong(written);
                // "-0" is a negative zero, which is no integer
                integer = whole == 0 && isNegative ? null : Long.valueOf(whole);
            } catch (NumberFormatException tooLong) {
                integer = null;
            }
        }
        return new Num(integer, isWhole, value);
    }

    private String string() throws NotStrict {
        if (!take('"')) {
            throw new NotStrict();
        }
        StringBuilder read = new StringBuilder();
        while (true) {
            char c = next();
            if (c == '"') {
                break;
            }
            if (c < 0x20) {
                throw new NotStrict();
            }
            read.append(c == '\\' ? escape() : c);
        }
        // an escape can write one half of a surrogate pair
        for (int i = 0; i < read.length(); i++) {
            char c = read.charAt(i);
            boolean isPair = Character.isHighSurrogate(c) && i + 1 < read.length()
                && Character.isLowSurrogate(read.charAt(i + 1));
            if (Character.isSurrogate(c) && !isPair) {
                throw new NotStrict();
            }
            i += isPair ? 1 : 0;
        }
        return read.toString();
    }

    private char escape() throws NotStrict {
        char c = next();
        return switch (c) {
            case '"', '\\', '/' -> c;
            case 'b' -> '\b';
            case 'f' -> '\f';
            case 'n' -> '\n';
            case 'r' -> '\r';
            case 't' -> '\t';
            case 'u' -> unicode();
            default -> throw new NotStrict();
        };
    }

    private char unicode() throws NotStrict {
        int value = 0;
        for (int i = 0; i < 4; i++) {
            char digit = next();
            // and not Character.digit, which takes the digits of every script
            if (!HexFormat.isHexDigit(digit)) {
                throw new NotStrict();
            }
            value = value * 16 + HexFormat.fromHexDigit(digit);
        }
        return (char) value;
    }

    /** Returns the value with the types that applications know: numbers are {@link Long} or {@link Double}. */
    static Object plain(Object value) {
        if (value instanceof Num number) {
            return number.integer() != null ? (Object) number.integer() : (Object) number.value();
        }
        if (value instanceof List<?> items) {
            List<Object> plain = new ArrayList<>();
            items.forEach(item -> plain.add(plain(item)));
            return plain;
        }
        if (value instanceof Map<?, ?> members) {
            Map<String, Object> plain = new LinkedHashMap<>();
            members.forEach((name, member) -> plain.put((String) name, plain(member)));
            return plain;
        }
        return value;
    }

    /** Writes a string as the servers write it, so that the answers of all languages are the same bytes. */
    static void write(StringBuilder to, String text) {
        to.append('"');
        for (char c : text.toCharArray()) {
            switch (c) {
                case '"', '\\' -> to.append('\\').append(c);
                case '\b' -> to.append("\\b");
                case '\f' -> to.append("\\f");
                case '\n' -> to.append("\\n");
                case '\r' -> to.append("\\r");
                case '\t' -> to.append("\\t");
                default -> to.append(c < 0x20 ? String.format("\\u%04x", (int) c) : String.valueOf(c));
            }
        }
        to.append('"');
    }
}
