package rolecall;

import java.io.ByteArrayOutputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpHeaders;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Flow;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BooleanSupplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** An HTTP client: answers are limited in length and time, and redirects are not followed. */
final class Fetcher {
    private static final Pattern MAX_AGE = Pattern.compile("(?i)(?:^|,)\\s*max-age\\s*=\\s*\"?(\\d{1,10})\"?\\s*(?:,|$)");

    private final HttpClient client = HttpClient.newBuilder()
        .connectTimeout(Duration.ofSeconds(3))
        .followRedirects(HttpClient.Redirect.NEVER)
        .version(HttpClient.Version.HTTP_1_1)
        .build();
    private volatile boolean isStopped;
    private volatile CompletableFuture<?> held;

    /** An answer that was read completely. */
    record Answer(int status, HttpHeaders headers, byte[] body) {
        Answer expectOk(String request) throws Issuer.Failure {
            if (status != 200) {
                boolean isRefusal = status >= 400 && status < 500;
                throw new Issuer.Failure("the issuer answered " + status + " to " + request, isRefusal);
            }
            return this;
        }

        /** Returns the {@code max-age} of the answer, between a minute and an hour; five minutes without one. */
        long maxAgeMillis() {
            for (String value : headers.allValues("Cache-Control")) {
                Matcher found = MAX_AGE.matcher(value);
                if (found.find()) {
                    return 1000 * Math.max(60, Math.min(Long.parseLong(found.group(1)), 3600));
                }
            }
            return 300_000;
        }
    }

    Answer get(URI uri, int limit, Duration timeout) throws Issuer.Failure {
        // a cache must not hide that a key was removed
        return send(HttpRequest.newBuilder(uri).header("Cache-Control", "no-cache"), limit, timeout, null);
    }

    /**
     * Sends a request and reads the answer of at most {@code limit} bytes; both together take at most {@code timeout}. Returns
     * null if the issuer holds the request and it was given up, as {@code isGivenUp} says; null for one that it does not hold.
     */
    Answer send(HttpRequest.Builder builder, int limit, Duration timeout, BooleanSupplier isGivenUp) throws Issuer.Failure {
        HttpRequest request = builder.header("Accept", "application/json").build();
        CompletableFuture<HttpResponse<byte[]>> answer = client.sendAsync(request, info -> new Limited(limit));
        held = isGivenUp == null ? null : answer;
        try {
            // once more after `held` is set, so that a question in between is not missed
            if (isStopped || isGivenUp != null && isGivenUp.getAsBoolean()) {
                answer.cancel(true);
            }
            HttpResponse<byte[]> response = answer.get(timeout.toMillis(), TimeUnit.MILLISECONDS);
            return new Answer(response.statusCode(), response.headers(), response.body());
        } catch (CancellationException givenUp) {
            return cancelled(isGivenUp);
        } catch (TimeoutException late) {
            answer.cancel(true);
            throw new Issuer.Failure("the issuer did not answer in time");
        } catch (ExecutionException fault) {
            Throwable cause = fault.getCause();
            if (cause instanceof CancellationException || answer.isCancelled()) {
                return cancelled(isGivenUp);
            }
            boolean isTooLong = cause instanceof TooLong || cause.getCause() instanceof TooLong;
            throw new Issuer.Failure(isTooLong ? "the issuer's answer is too long" : "the issuer cannot be reached: " + cause);
        } catch (InterruptedException interrupted) {
            answer.cancel(true);
            Thread.currentThread().interrupt();
            throw new Issuer.Failure("the guard was closed");
        } finally {
            held = null;
        }
    }

    private Answer cancelled(BooleanSupplier isGivenUp) throws Issuer.Failure {
        if (isGivenUp == null || isStopped) {
            throw new Issuer.Failure("the guard was closed");
        }
        return null;
    }

    /** Gives up the request that the issuer holds, if there is one. */
    void giveUpHeld() {
        CompletableFuture<?> request = held;
        if (request != null) {
            request.cancel(true);
        }
    }

    void stop() {
        isStopped = true;
        giveUpHeld();
    }

    static Map<String, Object> object(byte[] body, String what) throws Issuer.Failure {
        try {
            return Json.object(body, Json.ANSWER_DEPTH);
        } catch (Json.NotStrict fault) {
            throw new Issuer.Failure("the issuer's " + what + " cannot be parsed");
        }
    }

    private static final class TooLong extends java.io.IOException {
        private static final long serialVersionUID = 1;
    }

    /** Reads a body of at most so many bytes. */
    private static final class Limited implements HttpResponse.BodySubscriber<byte[]> {
        private final int limit;
        private final ByteArrayOutputStream read = new ByteArrayOutputStream();
        private final CompletableFuture<byte[]> body = new CompletableFuture<>();
        private Flow.Subscription subscription;

        Limited(int limit) {
            this.limit = limit;
        }

        @Override
        public CompletionStage<byte[]> getBody() {
            return body;
        }

        @Override
        public void onSubscribe(Flow.Subscription subscription) {
            this.subscription = subscription;
            subscription.request(Long.MAX_VALUE);
        }

        @Override
        public void onNext(List<ByteBuffer> parts) {
            for (ByteBuffer part : parts) {
                if (read.size() + part.remaining() > limit) {
                    subscription.cancel();
                    body.completeExceptionally(new TooLong());
                    return;
                }
                byte[] bytes = new byte[part.remaining()];
                part.get(bytes);
                read.writeBytes(bytes);
            }
        }

        @Override
        public void onError(Throwable fault) {
            body.completeExceptionally(fault);
        }

        @Override
        public void onComplete() {
            body.complete(read.toByteArray());
        }
    }
}
