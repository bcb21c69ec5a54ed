package items;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;
import java.util.Map;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;
import rolecall.Principal;
import rolecall.spring.Open;
import rolecall.spring.RequireRole;
import rolecall.spring.RequireToken;

/** The tutorial's application: {@code /items/} requires the role admin, {@code /users/} the role user. */
@SpringBootApplication
public class Application {
    public static void main(String[] arguments) {
        SpringApplication.run(Application.class, arguments);
    }

    record Item(@JsonProperty("item_id") String id, String owner) {
    }

    @RestController
    static class Items {
        @RequireRole("admin")
        @GetMapping("/items/")
        List<Item> readItems(Principal caller) {
            return List.of(new Item("Foo", caller.username()));
        }

        @RequireRole("user")
        @GetMapping("/users/")
        List<Map<String, String>> readUsers(Principal caller) {
            return List.of(Map.of("username", caller.username()));
        }

        @RequireToken
        @GetMapping("/me")
        Map<String, Object> readMe(Principal caller) {
            return Map.of("username", caller.username(), "roles", caller.roles());
        }

        @Open
        @GetMapping("/health")
        String health() {
            return "ok";
        }
    }
}
