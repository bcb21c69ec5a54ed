import rolecall.ApiClient;
import rolecall.api.AccountApi;
import rolecall.auth.HttpBearerAuth;

/** Calls the server as docs/generated-clients.md does. */
class Page {
    static String me(String token) throws Exception {
        // the program of the page
        return me.getUsername();
    }
}
