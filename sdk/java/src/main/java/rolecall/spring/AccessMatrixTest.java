package rolecall.spring;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.springframework.http.HttpMethod;
import org.springframework.mock.web.MockHttpServletResponse;
import org.springframework.test.web.servlet.MockMvc;
import org.springframework.test.web.servlet.request.MockHttpServletRequestBuilder;
import org.springframework.test.web.servlet.request.MockMvcRequestBuilders;
import org.springframework.test.web.servlet.setup.MockMvcBuilders;
import org.springframework.web.context.WebApplicationContext;
import rolecall.AccessMatrix;
import rolecall.testing.TestIssuer;

/** Compares the access matrix of an application with the committed file, and requests every cell. */
public final class AccessMatrixTest {
    private AccessMatrixTest() {
    }

    /**
     * Compares the matrix with {@code lockFile}, and requests every cell from the application. No handler runs.
     * {@code ROLECALL_BLESS=1 mvn test} writes the file. The test has {@link WithTestIssuer}.
     *
     * @param roles a column for each; without any, for each role that a rule names
     * @throws AssertionError if the file differs, or the application does not behave as the matrix shows
     */
    public static void assertMatches(WebApplicationContext context, String lockFile, String... roles) throws Exception {
        TestIssuer issuer = context.getBean(TestIssuer.class);
        MockMvc mvc = MockMvcBuilders.webAppContextSetup(context).build();
        AccessMatrix matrix = AccessMatrix.of(routes(context), List.of(roles));
        // first, so that a matrix is never written for an application that does not behave accordingly
        matrix.check((method, path, token) -> send(mvc, method, path, token), issuer::tokenOf);
        compare(matrix.toString(), Path.of(lockFile), "1".equals(System.getenv("ROLECALL_BLESS")));
    }

    /** Returns the routes of an application with their rules. */
    static List<AccessMatrix.Route> routes(WebApplicationContext context) {
        List<AccessMatrix.Route> routes = new ArrayList<>();
        StartCheck.rules(context).forEach((info, rule) -> {
            for (String path : info.getPatternValues()) {
                // a mapping without a method is one for all of them
                List<String> methods = info.getMethodsCondition().getMethods().stream().map(Enum::name).toList();
                for (String method : methods.isEmpty() ? List.of("DELETE", "GET", "PATCH", "POST", "PUT") : methods) {
                    routes.add(new AccessMatrix.Route(method, path, rule));
                }
            }
        });
        return routes;
    }

    private static AccessMatrix.Answer send(MockMvc mvc, String method, String path, String token) throws Exception {
        MockHttpServletRequestBuilder request = MockMvcRequestBuilders.request(HttpMethod.valueOf(method), path)
            .requestAttr(RuleInterceptor.PROBE, true);
        if (token != null) {
            request.header("Authorization", "Bearer " + token);
        }
        MockHttpServletResponse response = mvc.perform(request).andReturn().getResponse();
        return new AccessMatrix.Answer(response.getStatus(), response.getHeader("WWW-Authenticate"));
    }

    static void compare(String now, Path file, boolean bless) throws IOException {
        if (bless) {
            Files.writeString(file, now);
            return;
        }
        String how = "\nIf the change is intended, run `ROLECALL_BLESS=1 mvn test` and commit the file.";
        if (!Files.exists(file)) {
            throw new AssertionError(file + " does not exist. The access matrix is now:\n\n" + now + how);
        }
        List<String> before = lines(Files.readString(file));
        List<String> after = lines(now);
        if (!before.equals(after)) {
            StringBuilder text = new StringBuilder(file + " has changed (- committed, + now):\n\n");
            before.stream().filter(line -> !after.contains(line)).forEach(line -> text.append("- ").append(line).append('\n'));
            after.stream().filter(line -> !before.contains(line)).forEach(line -> text.append("+ ").append(line).append('\n'));
            throw new AssertionError(text + how);
        }
    }

    /** Lines that begin with # are comments, in which the languages differ. */
    private static List<String> lines(String text) {
        return text.lines().filter(line -> !line.startsWith("#")).toList();
    }
}
