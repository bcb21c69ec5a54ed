package rolecall;

import java.time.Duration;
import java.util.Base64;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Verifies access tokens and applies access rules. It is safe for use by several threads. */
public final class Guard implements AutoCloseable {
    private final Tokens tokens;
    private final Clock clock;
    private final State state;
    /** True if the state knows floors and era, and not only keys. */
    private final boolean hasFeed;
    private final long maxStalenessNanos;
    private final Map<String, Principal> verified;
    private Issuer issuer;

    private Guard(Builder builder, State state, boolean hasFeed) {
        tokens = new Tokens(builder.issuer, builder.audiences, builder.isForeign);
        clock = builder.clock;
        this.state = state;
        this.hasFeed = hasFeed;
        maxStalenessNanos = builder.maxStaleness.toNanos();
        int capacity = builder.cacheCapacity;
        // by the digest of the whole token, with its signature: different tokens never share an entry
        verified = Collections.synchronizedMap(new LinkedHashMap<>(16, 0.75f, true) {
            private static final long serialVersionUID = 1;

            @Override
            protected boolean removeEldestEntry(Map.Entry<String, Principal> eldest) {
                return size() > capacity;
            }
        });
    }

    /** Makes a {@link Guard}. */
    public static final class Builder {
        private final String issuer;
        private Set<String> audiences;
        private Clock clock = Clock.system();
        private Duration maxStaleness = Duration.ofSeconds(30);
        private int cacheCapacity = 10_000;
        private boolean isForeign;
        private KeySet keys;
        private State state;
        private String clientId;
        private String clientSecret;
        private boolean isInsecure;

        private Builder(String issuer) {
            if (issuer.isEmpty()) {
                throw new IllegalArgumentException("no issuer: name the URL whose tokens the guard accepts");
            }
            this.issuer = issuer;
            audiences = Set.of(issuer);
        }

        /** Sets the audiences of which a token needs one; the issuer by default. */
        public Builder audiences(List<String> audiences) {
            if (audiences.isEmpty() || audiences.contains("")) {
                throw new IllegalArgumentException("an audience is empty");
            }
            this.audiences = Set.copyOf(audiences);
            return this;
        }

        /** Sets the client with which the guard reads the issuer's feed of revocations. */
        public Builder client(String id, String secret) {
            clientId = id;
            clientSecret = secret;
            return this;
        }

        /** Sets the age at which the state is too old to decide, 30 seconds by default. */
        public Builder maxStaleness(Duration age) {
            maxStaleness = age;
            return this;
        }

        /** Says that the issuer is not rolecall, so that its tokens may lack {@code client_id} and {@code jti}. */
        public Builder foreign() {
            isForeign = true;
            return this;
        }

        /** Allows an issuer with a plain http URL on another machine, in a trusted network. */
        public Builder insecureHttp() {
            isInsecure = true;
            return this;
        }

        /** Sets the source of time. */
        public Builder clock(Clock clock) {
            this.clock = clock;
            return this;
        }

        /** Sets the number of verified tokens that the guard keeps, 10,000 by default. */
        public Builder cacheCapacity(int tokens) {
            cacheCapacity = tokens;
            return this;
        }

        /** Sets fixed keys, so that nothing is loaded. Revocations are not known then. */
        public Builder keys(KeySet keys) {
            this.keys = keys;
            return this;
        }

        /** Uses a state that a test changes, so that nothing is loaded. */
        public Builder state(State state) {
            this.state = state;
            return this;
        }

        /** Makes the guard, and starts to load keys and revocations in the background unless it has keys or a state. */
        public Guard build() {
            if ((keys != null || state != null) && clientId != null || keys != null && state != null) {
                throw new IllegalArgumentException("two sources of keys: take only one of keys, state and client");
            }
            if (state != null) {
                return new Guard(this, state, true);
            }
            State own = State.unknown(clock);
            if (keys != null) {
                own.setKeys(keys);
                return new Guard(this, own, false);
            }
            Guard guard = scripted(own);
            guard.issuer.start();
            return guard;
        }

        /** Makes a guard that follows an issuer and sends nothing until it is started. */
        Guard scripted(State own) {
            Guard guard = new Guard(this, own, clientId != null);
            guard.issuer = new Issuer(issuer, isInsecure, clientId, clientSecret, own, clock, maxStaleness);
            return guard;
        }
    }

    /** Returns a builder of a guard for the tokens of {@code issuer}. */
    public static Builder of(String issuer) {
        return new Builder(issuer);
    }

    Clock clock() {
        return clock;
    }

    Issuer issuer() {
        return issuer;
    }

    /** Returns true if keys are loaded and the state is current: for a health check. */
    public boolean isReady() {
        return state.current().keys().size() > 0 && isFreshEnough();
    }

    private boolean isFreshEnough() {
        // INVARIANT: a state that was never loaded is refused
        return !hasFeed || state.isKnown() && state.ageNanos() <= maxStalenessNanos;
    }

    /** Decides with what the guard knows now. */
    Principal verifyNow(String token) throws Denial {
        // checked first, so that nothing long is hashed or cached
        if (token.length() > Tokens.MAX_TOKEN_BYTES) {
            throw Denial.INVALID_TOKEN;
        }
        if (!isFreshEnough()) {
            throw Denial.UNAVAILABLE;
        }
        long now = clock.nowMicros();
        State.Snapshot snapshot = state.current();
        Principal caller = findOrVerify(token, snapshot, now);
        // INVARIANT: everything that can change after a token was verified is checked on every request
        boolean hasEnded = now >= caller.claims.expiresAt * 1_000_000;
        if (hasEnded || hasFeed && (snapshot.hasEnded(caller.claims) || isBeyond(caller))) {
            throw Denial.ENDED_TOKEN;
        }
        return caller;
    }

    private boolean isBeyond(Principal caller) {
        return state.standing(caller.claims.revision, caller.question) == State.Standing.BEYOND;
    }

    private Principal findOrVerify(String token, State.Snapshot snapshot, long now) throws Denial {
        String key = Base64.getEncoder().encodeToString(Tokens.sha256().digest(KeySet.utf8(token)));
        Principal known = verified.get(key);
        if (known != null) {
            // verified again if the key was retired, or the clock set back
            boolean isValid = now >= known.claims.notBefore * 1_000_000 - Tokens.LEEWAY_MICROS;
            if (isValid && snapshot.keys().contains(known.claims.key)) {
                return known;
            }
            verified.remove(key);
        }
        if (snapshot.keys().size() == 0) {
            throw Denial.UNAVAILABLE;
        }
        try {
            Principal caller = new Principal(tokens.verify(snapshot.keys(), token, now), this);
            verified.put(key, caller);
            return caller;
        } catch (Tokens.Refused refused) {
            throw switch (refused.fault) {
                case ENDED -> Denial.ENDED_TOKEN;
                case INVALID -> Denial.INVALID_TOKEN;
                // try again if the keys are being loaded
                case UNKNOWN_KEY -> issuer != null && issuer.requestKeys() ? Denial.UNAVAILABLE : Denial.INVALID_TOKEN;
            };
        }
    }

    /**
     * Verifies an access token, for code outside of HTTP: a message broker, a job. It waits, at most a second, where the guard
     * cannot know.
     *
     * @throws Denial if the token is refused
     */
    public Principal verify(String token) throws Denial {
        Principal caller = verifyNow(token);
        boolean waited = hasFeed && state.awaitNews(caller.claims.revision, caller.question);
        return waited ? verifyNow(token) : caller;
    }

    /** The result of a rule: the caller, who is null if the rule needs none, and the denial if the request is refused. */
    public record Admission(Principal caller, Denial denial) {
    }

    /**
     * Identifies the caller of a request and applies a rule.
     *
     * @param authorization the values of all Authorization headers
     * @param tenant the tenant that the path names, or null
     */
    public Admission admit(List<String> authorization, Rule rule, String tenant) {
        if (rule.kind == Rule.Kind.PUBLIC) {
            return new Admission(null, null);
        }
        try {
            String token = Credential.bearer(authorization);
            Admission first = decide(verifyNow(token), rule, tenant);
            // the rule comes first, so that nobody waits who is refused anyway
            if (first.denial != null || !hasFeed
                || !state.awaitNews(first.caller.claims.revision, first.caller.question)) {
                return first;
            }
            return decide(verifyNow(token), rule, tenant);
        } catch (Denial denial) {
            boolean isOpen = denial == Denial.NOT_AUTHENTICATED && rule.admitsAnonymous();
            return new Admission(null, isOpen ? null : denial);
        }
    }

    private static Admission decide(Principal caller, Rule rule, String tenant) {
        String named = tenant == null || tenant.isEmpty() ? null : tenant;
        boolean isAdmitted = rule.admits(named, caller);
        return new Admission(caller, isAdmitted ? null : caller.refusal(rule, named));
    }

    /** Stops following the issuer. */
    @Override
    public void close() {
        if (issuer != null) {
            issuer.stop();
        }
    }
}
