package rolecall;

/** A key or a key set that is refused. The message holds no text of a key. */
public final class KeyException extends Exception {
    private static final long serialVersionUID = 1;
    /** True for a key that is for something else than signatures, or for one of several algorithms. */
    final transient boolean isForOthers;

    KeyException(String message) {
        this(message, false);
    }

    KeyException(String message, boolean isForOthers) {
        super(message);
        this.isForOthers = isForOthers;
    }

    static KeyException malformed(String what) {
        return new KeyException("malformed JWK or JWK Set: " + what);
    }
}
