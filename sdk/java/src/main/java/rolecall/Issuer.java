package rolecall;

import java.io.IOException;
import java.net.InetAddress;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpRequest;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Base64;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;

/** Follows an issuer on threads of its own: loads the keys and reads the feed of revocations. */
final class Issuer {
    private static final System.Logger LOG = System.getLogger("rolecall");
    private static final Duration TIMEOUT = Duration.ofSeconds(5);
    private static final int MAX_DOCUMENT_BYTES = 64 * 1024;
    private static final int MAX_FEED_BYTES = 16 * 1024 * 1024;
    /** The least time between two loads of the keys because of tokens with unknown keys. */
    private static final long LOAD_INTERVAL = TimeUnit.SECONDS.toNanos(10);
    private static final long SECOND_LOAD_MILLIS = 400;

    private record Metadata(URI keys, URI token) {
    }

    private final String name;
    private final URI uri;
    private final boolean isInsecure;
    private final String credentials;
    private final State state;
    private final Clock clock;
    private final Duration maxStaleness;
    private final Fetcher http = new Fetcher();
    private final Feed feed;

    private volatile boolean isStopped;
    private volatile Metadata metadata;
    private String clientToken;
    private long renewTokenAt;
    private boolean isLoading;
    private boolean isRequested;
    private boolean hasChanged;
    private boolean loadsAgain;
    private Long triedAt;
    private Long loadedAt;
    private String keysFailure = "";
    private String feedFailure = "";

    Issuer(String name, boolean isInsecure, String clientId, String clientSecret, State state, Clock clock,
           Duration maxStaleness) {
        this.name = name;
        this.isInsecure = isInsecure;
        this.state = state;
        this.clock = clock;
        this.maxStaleness = maxStaleness;
        uri = URI.create(name);
        boolean isPlain = uri.getScheme() != null && uri.getHost() != null && name.indexOf('@') < 0
            && uri.getQuery() == null && uri.getFragment() == null;
        if (!isPlain) {
            throw new IllegalArgumentException("the issuer is not a URL, or has a query, a fragment or a user name");
        }
        if (!isSecure() && !allowsHttp(uri)) {
            throw new IllegalArgumentException(
                "the URL of the issuer is not https; allow insecure http only on a trusted network");
        }
        // both parts are form-encoded (RFC 6749 section 2.3.1)
        credentials = clientId == null ? null : "Basic " + Base64.getEncoder().encodeToString(
            KeySet.utf8(form(clientId) + ":" + form(clientSecret)));
        feed = new Feed(state, clock, this::noteChangedKeys);
        long seconds = Math.min(maxStaleness.toSeconds() / 6, 10);
        state.setUsualAge(Math.min(TimeUnit.SECONDS.toNanos(seconds + 2), maxStaleness.toNanos()));
        state.onQuestion(http::giveUpHeld);
    }

    private boolean isSecure() {
        return "https".equals(uri.getScheme());
    }

    private boolean allowsHttp(URI address) {
        return "http".equals(address.getScheme()) && (isInsecure || isLoopback(address.getHost()));
    }

    private static boolean isLoopback(String host) {
        if (host == null) {
            return false;
        }
        // names are not looked up: only literal addresses and `localhost`
        boolean isLiteral = host.matches("[0-9.]+|\\[.*\\]");
        try {
            return host.equals("localhost") || isLiteral && InetAddress.getByName(host).isLoopbackAddress();
        } catch (IOException fault) {
            return false;
        }
    }

    private static String form(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8);
    }

    void start() {
        thread("rolecall-keys", this::followKeys);
        if (credentials != null) {
            thread("rolecall-feed", this::followFeed);
        }
    }

    private static void thread(String name, Runnable run) {
        Thread thread = new Thread(run, name);
        thread.setDaemon(true);
        thread.start();
    }

    synchronized void stop() {
        isStopped = true;
        http.stop();
        notifyAll();
    }

    // -- keys

    /**
     * Requests a load of the keys for a token with an unknown key, unless they were loaded recently. Returns true if keys are
     * being loaded or will be, so that the caller should try again.
     */
    synchronized boolean requestKeys() {
        long now = clock.monotonicNanos();
        if (isLoading) {
            return true;
        }
        if (loadedAt != null && now < loadedAt + LOAD_INTERVAL) {
            return false;
        }
        if (triedAt == null || now >= triedAt + LOAD_INTERVAL) {
            isRequested = true;
            notifyAll();
        }
        return true;
    }

    private synchronized void noteChangedKeys() {
        hasChanged = true;
        notifyAll();
    }

    private void followKeys() {
        int failures = 0;
        while (!isStopped) {
            long wait;
            try {
                wait = loadKeys();
                failures = 0;
                if (loadsAgain) {
                    // the node that answers may learn of a change a quarter of a second later
                    wait = SECOND_LOAD_MILLIS;
                    loadsAgain = false;
                }
            } catch (Failure failure) {
                wait = backoff(100, failures++, 5_000);
            }
            awaitKeys(wait);
        }
    }

    /** Waits until the keys should be loaded. */
    private synchronized void awaitKeys(long millis) {
        try {
            long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis);
            long left = millis;
            while (left > 0 && !isStopped && !isRequested && !hasChanged) {
                wait(left);
                left = TimeUnit.NANOSECONDS.toMillis(end - System.nanoTime());
            }
            loadsAgain = hasChanged;
            hasChanged = false;
        } catch (InterruptedException interrupted) {
            isStopped = true;
        }
    }

    synchronized void beginLoad() {
        isLoading = true;
        isRequested = false;
        triedAt = clock.monotonicNanos();
    }

    synchronized void endLoad(Failure failure) {
        isLoading = false;
        if (failure == null) {
            loadedAt = clock.monotonicNanos();
            keysFailure = "";
        } else {
            // the URLs may have changed
            metadata = null;
            keysFailure = warn(keysFailure, "the issuer's keys cannot be loaded", failure);
        }
    }

    /** Logs a failure only when its reason changes. */
    private String warn(String last, String message, Failure failure) {
        if (!last.equals(failure.getMessage()) && !isStopped) {
            LOG.log(System.Logger.Level.WARNING, message + ": " + failure.getMessage() + " (" + name + ")");
        }
        return failure.getMessage();
    }

    /** Loads the keys once and returns the milliseconds for which they are fresh. After a failure, the keys stay. */
    private long loadKeys() throws Failure {
        beginLoad();
        try {
            Metadata known = metadata;
            if (known == null) {
                known = discover();
                setMetadata(known);
            }
            Fetcher.Answer answer = http.get(known.keys, KeySet.MAX_BYTES, TIMEOUT).expectOk("the request for the keys");
            applyKeys(answer.body());
            endLoad(null);
            return answer.maxAgeMillis();
        } catch (Failure failure) {
            endLoad(failure);
            throw failure;
        } catch (RuntimeException fault) {
            Failure failure = Failure.of(fault);
            endLoad(failure);
            throw failure;
        }
    }

    /** Replaces the keys by those of an answer. An answer that cannot be used changes nothing. */
    void applyKeys(byte[] body) throws Failure {
        try {
            state.setKeys(KeySet.ofFetched(body));
        } catch (KeyException fault) {
            throw new Failure("the JWK Set was refused: " + fault.getMessage());
        }
    }

    private synchronized void setMetadata(Metadata found) {
        metadata = found;
        notifyAll();
    }

    /**
     * Loads the URLs of the issuer's keys and token endpoint. RFC 8414 section 3.1 inserts the well-known part before the
     * issuer's path, OpenID Connect appends it.
     */
    private Metadata discover() throws Failure {
        String root = name.replaceAll("/+$", "");
        String path = uri.getRawPath().replaceAll("/+$", "");
        String origin = root.substring(0, root.length() - path.length());
        URI first = URI.create(origin + "/.well-known/oauth-authorization-server" + path);
        Fetcher.Answer answer = http.get(first, MAX_DOCUMENT_BYTES, TIMEOUT);
        if (answer.status() == 404) {
            answer = http.get(URI.create(root + "/.well-known/openid-configuration"), MAX_DOCUMENT_BYTES, TIMEOUT);
        }
        Map<String, Object> members = Fetcher.object(answer.expectOk("the request for the metadata").body(), "metadata");
        // RFC 8414 section 3.3: the issuer must be identical, so that no server can act for another one
        if (!name.equals(members.get("issuer"))) {
            throw new Failure("the metadata names another issuer");
        }
        Object token = members.get("token_endpoint");
        return new Metadata(checked(members.get("jwks_uri")), token == null ? null : checked(token));
    }

    /** Returns a URL from the metadata, which must be as secure as the issuer's own. */
    private URI checked(Object text) throws Failure {
        try {
            if (text instanceof String url) {
                URI address = new URI(url);
                // metadata that was loaded over TLS must not lead to plain http
                boolean isAllowed = "https".equals(address.getScheme()) || !isSecure() && allowsHttp(address);
                if (isAllowed && address.getHost() != null) {
                    return address;
                }
            }
        } catch (java.net.URISyntaxException fault) {
            // as below
        }
        throw new Failure("a URL of the issuer is not https, and plain http is not allowed");
    }

    // -- feed

    private void followFeed() {
        int failures = 0;
        boolean isHeld = maxStaleness.toSeconds() / 6 > 0;
        while (!isStopped) {
            long wait = isHeld ? 10 : Math.min(maxStaleness.toMillis() / 6, 250);
            try {
                tryToReadFeed();
                failures = 0;
                wait = state.isAsked() ? 100 : wait;
            } catch (Failure failure) {
                feedFailure = warn(feedFailure, "the issuer's feed cannot be read", failure);
                wait = backoff(50, failures++, failure.isRefusal ? 15_000 : 2_000);
            }
            pause(wait);
        }
    }

    /** A mistake in this program must not end the thread: later answers may be good again. */
    private void tryToReadFeed() throws Failure {
        try {
            readFeed();
        } catch (RuntimeException fault) {
            throw Failure.of(fault);
        }
    }

    private void readFeed() throws Failure {
        String token = clientToken();
        long sentAt = clock.monotonicNanos();
        long wait = state.isAsked() ? 0 : Math.min(maxStaleness.toSeconds() / 6, 10);
        if (state.ageNanos() > maxStaleness.toNanos() / 2) {
            // even an answer without news makes the state fresh
            wait = Math.min(wait, 1);
        }
        URI address = URI.create(name.replaceAll("/+$", "") + "/api/feed?after=" + form(feed.cursor()) + "&wait=" + wait);
        HttpRequest.Builder request = HttpRequest.newBuilder(address).header("Authorization", "Bearer " + token);
        try {
            Fetcher.Answer answer = http.send(request, MAX_FEED_BYTES, TIMEOUT.plusSeconds(wait), wait > 0 ? state::isAsked : null);
            if (answer == null) {
                // a token asks: the next request is not held
                return;
            }
            feed.apply(answer.expectOk("the request for the feed").body(), sentAt);
            feedFailure = "";
        } catch (Failure failure) {
            if (failure.isRefusal) {
                // the token may be the reason, so the next attempt uses a new one
                clientToken = null;
            }
            throw failure;
        }
    }

    Feed feed() {
        return feed;
    }

    /** Returns the current token of the client, or requests one (RFC 6749 section 4.4) once the metadata is loaded. */
    private String clientToken() throws Failure {
        if (clientToken != null && clock.monotonicNanos() < renewTokenAt) {
            return clientToken;
        }
        URI endpoint = awaitMetadata().token;
        if (endpoint == null) {
            throw new Failure("the metadata has no token endpoint");
        }
        String body = "grant_type=client_credentials&audience=" + form(name);
        long sentAt = clock.monotonicNanos();
        HttpRequest.Builder request = HttpRequest.newBuilder(endpoint).header("Authorization", credentials)
            .header("Content-Type", "application/x-www-form-urlencoded")
            .POST(HttpRequest.BodyPublishers.ofString(body));
        Fetcher.Answer answer = http.send(request, MAX_DOCUMENT_BYTES, TIMEOUT, null).expectOk("the request for a token");
        Map<String, Object> members = Fetcher.object(answer.body(), "token");
        long seconds = members.get("expires_in") instanceof Json.Num number && number.integer() != null
            ? Math.max(0, Math.min(number.integer(), 31_536_000)) : 60;
        if (!(members.get("access_token") instanceof String token)) {
            throw new Failure("the issuer's token cannot be parsed");
        }
        clientToken = token;
        renewTokenAt = sentAt + TimeUnit.SECONDS.toNanos(seconds) / 5 * 4;
        return token;
    }

    private synchronized Metadata awaitMetadata() throws Failure {
        try {
            while (metadata == null && !isStopped) {
                wait();
            }
        } catch (InterruptedException interrupted) {
            isStopped = true;
        }
        if (metadata == null) {
            throw new Failure("the guard was closed");
        }
        return metadata;
    }

    /** Doubles the wait with each failure, and shortens it at random by up to a half. */
    private static long backoff(long first, int failures, long longest) {
        long wait = Math.min(first << Math.min(failures, 16), longest);
        return wait - ThreadLocalRandom.current().nextLong(wait / 2 + 1);
    }

    private synchronized void pause(long millis) {
        long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis);
        try {
            for (long left = millis; left > 0 && !isStopped; left = TimeUnit.NANOSECONDS.toMillis(end - System.nanoTime())) {
                wait(left);
            }
        } catch (InterruptedException interrupted) {
            isStopped = true;
        }
    }

    /** The reason why a request to the issuer failed. It never contains a secret or a token. */
    static final class Failure extends Exception {
        private static final long serialVersionUID = 1;
        /** True if the issuer refused the request, so that trying again soon will not help. */
        final transient boolean isRefusal;

        Failure(String message) {
            this(message, false);
        }

        static Failure of(RuntimeException fault) {
            return new Failure("an answer could not be used: " + fault.getClass().getSimpleName());
        }

        Failure(String message, boolean isRefusal) {
            super(message, null, false, false);
            this.isRefusal = isRefusal;
        }
    }
}
