package rolecall;

import java.util.Collection;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * The reason why a request was refused. As an answer it follows RFC 6750 section 3: 401 for a caller who cannot be identified,
 * 403 for one who is not permitted, and 5xx for a fault of the guard.
 */
public final class Denial extends RuntimeException {
    private static final long serialVersionUID = 1;
    private static final int MAX_SCOPE = 1024;
    private static final Map<Integer, String> TITLES = Map.of(400, "Bad Request", 401, "Unauthorized", 403, "Forbidden",
        404, "Not Found", 500, "Internal Server Error", 503, "Service Unavailable");

    static final Denial NOT_AUTHENTICATED = new Denial(401, "not_authenticated", "Bearer", "Not authenticated");
    static final Denial INVALID_TOKEN = new Denial(401, "invalid_token",
        "Bearer error=\"invalid_token\", error_description=\"The access token is not valid\"",
        "Could not validate credentials");
    static final Denial ENDED_TOKEN = new Denial(401, "ended_token",
        "Bearer error=\"invalid_token\", error_description=\"The access token has ended; refresh it\"",
        "Could not validate credentials");
    static final Denial TWO_CREDENTIALS = new Denial(400, "two_credentials", "Bearer error=\"invalid_request\"",
        "Send one credential");
    static final Denial UNAVAILABLE = new Denial(503, "unavailable", null, "cannot decide at the moment; try again");
    static final Denial UNGUARDED = new Denial(500, "internal", null, "internal error");

    private final int status;
    private final String code;
    private final String challenge;
    private final String detail;

    private Denial(int status, String code, String challenge, String detail) {
        // an ordinary result, which is shared by requests
        super(code, null, false, false);
        this.status = status;
        this.code = code;
        this.challenge = challenge;
        this.detail = detail;
    }

    static Denial forbidden(String scope) {
        String names = firstNames(scope);
        // a valid scope needs no escaping; an invalid one could end the quoted string
        String shown = isScope(names) ? ", scope=\"" + names + "\"" : "";
        return new Denial(403, "forbidden", "Bearer error=\"insufficient_scope\"" + shown, "Operation not permitted");
    }

    /** Returns the denial of RFC 9470 section 3 for a sign-in that is too weak or too old; either can be null. */
    static Denial stepUp(Acr acr, Long maxAge) {
        String challenge = "Bearer error=\"insufficient_user_authentication\""
            + (acr == null ? "" : ", acr_values=\"" + acr + "\"")
            + (maxAge == null ? "" : ", max_age=\"" + maxAge + "\"");
        return new Denial(401, "insufficient_user_authentication", challenge,
            "Sign in again: this needs a stronger or newer sign-in");
    }

    /** Returns the first whole names of a scope, up to 1024 bytes: proxies refuse an answer with a head of 8 KiB. */
    private static String firstNames(String scope) {
        if (scope.length() <= MAX_SCOPE) {
            return scope;
        }
        return scope.substring(0, Math.max(0, scope.lastIndexOf(' ', MAX_SCOPE)));
    }

    /** Returns true for {@code scope-token *( SP scope-token )} (RFC 6749 section 3.3). */
    private static boolean isScope(String scope) {
        return scope.matches("[!#-\\[\\]-~]+( [!#-\\[\\]-~]+)*");
    }

    /** Returns the status of the answer. */
    public int status() {
        return status;
    }

    /** Returns the end of the problem's {@code type}, such as {@code invalid_token}. */
    public String code() {
        return code;
    }

    /** Returns the value of {@code WWW-Authenticate}, or null where another token would not help. */
    public String challenge() {
        return challenge;
    }

    /** Returns the headers of the answer, by their names in lower case. */
    public Map<String, String> headers() {
        Map<String, String> headers = new TreeMap<>();
        headers.put("cache-control", "no-store");
        headers.put("content-type", "application/problem+json");
        if (challenge != null) {
            headers.put("www-authenticate", challenge);
        }
        if (status == 503) {
            headers.put("retry-after", "1");
        }
        return headers;
    }

    /** Returns the problem document (RFC 9457), with the rule and the roles of an identified caller; both can be null. */
    public String body(Rule rule, Principal caller) {
        Map<String, Object> members = new TreeMap<>(Map.of("type", "urn:rolecall:problem:" + code, "status", status,
            "title", TITLES.get(status), "detail", detail));
        if (rule != null && caller != null) {
            members.put("rule", rule.toString());
            members.put("roles", caller.roles());
        }
        StringBuilder body = new StringBuilder("{");
        // sorted by name, so that the answers of all languages are the same bytes
        for (String name : new TreeSet<>(members.keySet())) {
            if (body.length() > 1) {
                body.append(',');
            }
            Json.write(body, name);
            body.append(':');
            write(body, members.get(name));
        }
        return body.append('}').toString();
    }

    private static void write(StringBuilder to, Object value) {
        if (value instanceof Collection<?> items) {
            String comma = "[";
            for (Object item : items) {
                to.append(comma);
                Json.write(to, (String) item);
                comma = ",";
            }
            to.append(items.isEmpty() ? "[]" : "]");
        } else if (value instanceof String text) {
            Json.write(to, text);
        } else {
            to.append(value);
        }
    }
}
