package rolecall;

import java.util.List;

/** Reads the Authorization header (RFC 6750 section 2.1). Tokens in the query, the body and cookies are ignored. */
final class Credential {
    private Credential() {
    }

    /** Returns the access token, unverified. */
    static String bearer(List<String> values) throws Denial {
        if (values.isEmpty()) {
            throw Denial.NOT_AUTHENTICATED;
        }
        if (values.size() > 1) {
            throw Denial.TWO_CREDENTIALS;
        }
        String value = values.get(0);
        int space = value.indexOf(' ');
        String scheme = space < 0 ? value : value.substring(0, space);
        if (!Tokens.lowerAscii(scheme).equals("bearer")) {
            throw Denial.NOT_AUTHENTICATED;
        }
        // RFC 9110 allows spaces here, so no other white space is trimmed
        int start = scheme.length();
        int end = value.length();
        while (start < end && value.charAt(start) == ' ') {
            start++;
        }
        while (end > start && value.charAt(end - 1) == ' ') {
            end--;
        }
        String token = value.substring(start, end);
        if (token.isEmpty()) {
            throw Denial.NOT_AUTHENTICATED;
        }
        if (!isB64Token(token)) {
            throw Denial.INVALID_TOKEN;
        }
        return token;
    }

    private static boolean isB64Token(String token) {
        int end = token.length();
        while (end > 0 && token.charAt(end - 1) == '=') {
            end--;
        }
        for (int i = 0; i < end; i++) {
            char c = token.charAt(i);
            boolean isAlphanumeric = c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9';
            if (!isAlphanumeric && "-._~+/".indexOf(c) < 0) {
                return false;
            }
        }
        return end > 0;
    }
}
