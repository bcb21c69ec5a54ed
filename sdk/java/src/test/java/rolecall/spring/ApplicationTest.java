package rolecall.spring;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.boot.web.servlet.ServletRegistrationBean;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.security.access.prepost.PreAuthorize;
import org.springframework.security.config.annotation.method.configuration.EnableMethodSecurity;
import org.springframework.web.bind.annotation.DeleteMapping;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.PutMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.context.WebApplicationContext;
import org.springframework.web.multipart.MultipartFile;
import org.springframework.web.servlet.config.annotation.ViewControllerRegistry;
import org.springframework.web.servlet.config.annotation.WebMvcConfigurer;
import rolecall.Floor;
import rolecall.Principal;
import rolecall.Rule;
import rolecall.testing.TestIssuer;

/** The toy application of sdk/conformance/app on a real server, and applications that must not start. */
class ApplicationTest {
    @RestController
    static class Items {
        @Open
        @GetMapping("/health")
        String health() {
            return "ok";
        }

        @Open(identify = true)
        @GetMapping("/")
        String home(Principal caller) {
            return caller == null ? "nobody" : caller.username();
        }

        @RequireToken
        @GetMapping("/me")
        String me(Principal caller) {
            return caller.username();
        }

        @RequireRole("admin")
        @GetMapping("/items/")
        List<String> items(Principal caller) {
            return List.of("Foo", caller.username());
        }

        @RequirePermission("items:write")
        @PostMapping("/items/")
        String create(@RequestBody java.util.Map<String, Object> item) {
            return "created";
        }

        @RequireRole({"admin", "user"})
        @GetMapping("/items/{id}")
        String item(@PathVariable String id) {
            return id;
        }

        @RequireRole("admin")
        @RequirePermission("items:write")
        @DeleteMapping("/items/{id}")
        String delete(@PathVariable String id) {
            return id;
        }

        @RequireRole("user")
        @ForTenant
        @GetMapping("/{tenant}/items")
        String ofTenant(@PathVariable String tenant) {
            return tenant;
        }

        @RequireRole("user")
        @InTenant
        @GetMapping("/reports")
        String reports(Principal caller) {
            return caller.tenant().orElseThrow();
        }

        @RequireToken
        @FreshSignIn(seconds = 300)
        @PutMapping("/password")
        String password() {
            return "changed";
        }
    }

    @RestController
    static class More {
        @RequireToken
        @PreAuthorize("hasRole('admin') and hasAuthority('items:write')")
        @GetMapping("/pre")
        String pre() {
            return "pre";
        }

        @RequireToken
        @GetMapping("/owner")
        String owner(Principal caller) {
            if (!caller.subject().equals("anna")) {
                caller.require(Rule.role("moderator"));
            }
            return "changed";
        }

        @RequireRole("admin")
        @PostMapping("/upload")
        String upload(@RequestParam MultipartFile file) {
            return file.getOriginalFilename();
        }
    }

    @Configuration(proxyBeanMethods = false)
    @EnableAutoConfiguration
    @EnableMethodSecurity
    @WithTestIssuer
    static class Base {
    }

    private ConfigurableApplicationContext context;
    private TestIssuer issuer;

    private static ConfigurableApplicationContext start(Class<?>[] sources, String... properties) {
        List<String> all = new java.util.ArrayList<>(List.of("--server.port=0", "--spring.main.banner-mode=off",
            "--logging.level.root=ERROR", "--spring.jmx.enabled=false"));
        all.addAll(List.of(properties));
        return new SpringApplicationBuilder(Base.class).sources(sources).web(WebApplicationType.SERVLET)
            .run(all.toArray(String[]::new));
    }

    @BeforeEach
    void start() {
        context = start(new Class<?>[] {Items.class, More.class});
        issuer = context.getBean(TestIssuer.class);
    }

    @AfterEach
    void stop() {
        context.close();
    }

    private java.net.http.HttpResponse<String> send(String method, String path, String bearer, String... more)
        throws Exception {
        String port = context.getEnvironment().getProperty("local.server.port");
        var request = java.net.http.HttpRequest.newBuilder(java.net.URI.create("http://127.0.0.1:" + port + path))
            .method(method, java.net.http.HttpRequest.BodyPublishers.ofString(more.length > 0 ? more[0] : ""));
        if (more.length > 0) {
            request.header("Content-Type", more[1]);
        }
        if (bearer != null) {
            request.header("Authorization", bearer);
        }
        return java.net.http.HttpClient.newHttpClient().send(request.build(),
            java.net.http.HttpResponse.BodyHandlers.ofString());
    }

    private static String challenge(java.net.http.HttpResponse<?> answer) {
        return answer.headers().firstValue("WWW-Authenticate").orElse(null);
    }

    @Test
    void theMatrixIsThatOfTheConformanceFiles(@TempDir Path folder) throws Exception {
        try (var toy = start(new Class<?>[] {Items.class})) {
            AccessMatrixTest.assertMatches((WebApplicationContext) toy, "../conformance/app/access.lock", "admin", "user");
            Path changed = folder.resolve("access.lock");
            Files.writeString(changed, Files.readString(Path.of("../conformance/app/access.lock")).replace("/reports for role:user", "/reports for everyone"));
            AssertionError fault = assertThrows(AssertionError.class, () ->
                AccessMatrixTest.assertMatches((WebApplicationContext) toy, changed.toString(), "admin", "user"));
            assertTrue(fault.getMessage().contains("+ 401        403        403    any   | GET /reports"), fault.getMessage());
        }
    }

    @Test
    void aCallerGetsWhatItsTokenAllows() throws Exception {
        String admin = issuer.token("alice").roles("admin").bearer();
        var answer = send("GET", "/items/", admin);
        assertEquals(200, answer.statusCode());
        assertEquals("[\"Foo\",\"alice\"]", answer.body());
        answer = send("GET", "/items/", null);
        assertEquals(401, answer.statusCode());
        assertEquals("Bearer", challenge(answer));
        assertEquals("{\"detail\":\"Not authenticated\",\"status\":401,\"title\":\"Unauthorized\","
            + "\"type\":\"urn:rolecall:problem:not_authenticated\"}", answer.body());
        assertEquals("application/problem+json", answer.headers().firstValue("Content-Type").orElseThrow());
        answer = send("GET", "/items/", issuer.token("bob").roles("user").bearer());
        assertEquals(403, answer.statusCode());
        assertEquals("{\"detail\":\"Operation not permitted\",\"roles\":[\"user\"],\"rule\":\"role:admin\",\"status\":403,"
            + "\"title\":\"Forbidden\",\"type\":\"urn:rolecall:problem:forbidden\"}", answer.body());
        assertEquals("nobody", send("GET", "/", null).body());
        assertEquals("bob", send("GET", "/", issuer.token("bob").bearer()).body());
        assertEquals(401, send("GET", "/", "Bearer x").statusCode());
        assertEquals(200, send("GET", "/health", "Bearer x").statusCode());
        issuer.revoke(Floor.Kind.ROLE, "admin");
        answer = send("GET", "/items/", admin);
        assertEquals(401, answer.statusCode());
        assertTrue(challenge(answer).contains("has ended"), challenge(answer));
    }

    @Test
    void theRuleIsCheckedBeforeTheBodyIsRead() throws Exception {
        assertEquals(401, send("POST", "/items/", null, "not JSON", "application/json").statusCode());
        assertEquals(403, send("POST", "/items/", issuer.token("bob").bearer(), "not JSON", "application/json").statusCode());
        String writer = issuer.token("alice").permissions("items:write").bearer();
        assertEquals(400, send("POST", "/items/", writer, "not JSON", "application/json").statusCode());
        assertEquals("created", send("POST", "/items/", writer, "{}", "application/json").body());
        String broken = "--x\r\nContent-Disposition: form-data";
        assertEquals(401, send("POST", "/upload", null, broken, "multipart/form-data; boundary=x").statusCode());
        String upload = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\ntext\r\n--x--\r\n";
        String admin = issuer.token("alice").roles("admin").bearer();
        assertEquals("a.txt", send("POST", "/upload", admin, upload, "multipart/form-data; boundary=x").body());
    }

    @Test
    void rolesAreAuthoritiesOfSpringSecurity() throws Exception {
        String both = issuer.token("alice").roles("admin").permissions("items:write").bearer();
        assertEquals("pre", send("GET", "/pre", both).body());
        assertEquals(403, send("GET", "/pre", issuer.token("alice").roles("admin").bearer()).statusCode());
        // what is held only in a tenant is no authority
        assertEquals(403, send("GET", "/pre",
            issuer.token("alice").roles("admin").permissions("items:write").tenant("acme").bearer()).statusCode());
    }

    @Test
    void aHandlerCanRefuseByItsData() throws Exception {
        assertEquals("changed", send("GET", "/owner", issuer.token("anna").bearer()).body());
        assertEquals("changed", send("GET", "/owner", issuer.token("bob").roles("moderator").bearer()).body());
        var answer = send("GET", "/owner", issuer.token("bob").bearer());
        assertEquals(403, answer.statusCode());
        assertEquals("Bearer error=\"insufficient_scope\", scope=\"role:moderator\"", challenge(answer));
    }

    @Test
    void whatHasNoRuleIsNotThere() throws Exception {
        String admin = issuer.token("alice").roles("admin").bearer();
        assertEquals(404, send("GET", "/nothing", admin).statusCode());
        assertEquals(404, send("GET", "/error", admin).statusCode());
        assertEquals(404, send("GET", "/META-INF/", admin).statusCode());
        assertTrue(List.of(404, 405).contains(send("OPTIONS", "/items/", admin).statusCode()));
    }

    @RestController
    static class Forgotten {
        @GetMapping("/forgotten")
        String forgotten() {
            return "";
        }
    }

    @RestController
    static class Contradicting {
        @Open
        @RequireRole("admin")
        @GetMapping("/contradicting")
        String get() {
            return "";
        }
    }

    @RestController
    static class Misspelt {
        @RequireRole("Admin")
        @GetMapping("/misspelt")
        String get() {
            return "";
        }
    }

    @RestController
    static class WithoutTenant {
        @RequireRole("user")
        @ForTenant
        @GetMapping("/without/{id}")
        String get() {
            return "";
        }
    }

    @Configuration(proxyBeanMethods = false)
    static class Views implements WebMvcConfigurer {
        @Override
        public void addViewControllers(ViewControllerRegistry registry) {
            registry.addViewController("/view");
        }
    }

    @Configuration(proxyBeanMethods = false)
    static class Console {
        @Bean
        ServletRegistrationBean<jakarta.servlet.http.HttpServlet> console() {
            return new ServletRegistrationBean<>(new jakarta.servlet.http.HttpServlet() {
                private static final long serialVersionUID = 1;
            }, "/console/*");
        }
    }

    @Configuration(proxyBeanMethods = false)
    static class Functions {
        @Bean
        org.springframework.web.servlet.function.RouterFunction<org.springframework.web.servlet.function.ServerResponse> get() {
            return org.springframework.web.servlet.function.RouterFunctions.route().GET("/function",
                request -> org.springframework.web.servlet.function.ServerResponse.ok().build()).build();
        }
    }

    @Test
    void anApplicationWithAnUnguardedMappingDoesNotStart() {
        java.util.Map.of(Forgotten.class, "/forgotten", Contradicting.class, "contradict", Misspelt.class, "not the name of a role",
            WithoutTenant.class, "exactly one `{tenant}`", Views.class, "/view", Console.class, "servlet", Functions.class,
            "functional endpoints").forEach((source, text) -> {
                Throwable fault = assertThrows(Throwable.class, () -> start(new Class<?>[] {Items.class, source}).close());
                String message = fault.toString() + fault.getCause();
                assertTrue(message.contains("refuses to start") && message.contains(text), source + ": " + message);
            });
    }

    @Test
    void pathsOfOtherHandlersCanBeOpened() throws Exception {
        try (var opened = start(new Class<?>[] {Items.class, Forgotten.class, Views.class, Console.class},
            "--rolecall.open=/forgotten,/view,/console/**")) {
            context.close();
            context = opened;
            assertEquals(200, send("GET", "/forgotten", null).statusCode());
        }
    }
}
