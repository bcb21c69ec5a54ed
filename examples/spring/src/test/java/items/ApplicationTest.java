package items;

import static org.springframework.test.web.servlet.request.MockMvcRequestBuilders.get;
import static org.springframework.test.web.servlet.result.MockMvcResultMatchers.content;
import static org.springframework.test.web.servlet.result.MockMvcResultMatchers.status;

import org.junit.jupiter.api.Test;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.test.annotation.DirtiesContext;
import org.springframework.test.web.servlet.MockMvc;
import org.springframework.test.web.servlet.setup.MockMvcBuilders;
import org.springframework.web.context.WebApplicationContext;
import rolecall.Floor;
import rolecall.spring.AccessMatrixTest;
import rolecall.spring.WithTestIssuer;
import rolecall.testing.TestIssuer;

@SpringBootTest
@WithTestIssuer
class ApplicationTest {
    @Autowired
    private WebApplicationContext context;
    @Autowired
    private TestIssuer issuer;

    @Test
    void theAccessMatrixMatchesTheReviewedFile() throws Exception {
        AccessMatrixTest.assertMatches(context, "access.lock");
    }

    @Test
    @DirtiesContext
    void anAdministratorReadsItemsUntilTheRoleIsTakenAway() throws Exception {
        MockMvc mvc = MockMvcBuilders.webAppContextSetup(context).build();
        String admin = issuer.token("alice").roles("admin").bearer();
        mvc.perform(get("/items/").header("Authorization", admin)).andExpect(status().isOk())
            .andExpect(content().json("[{\"item_id\":\"Foo\",\"owner\":\"alice\"}]"));
        issuer.revoke(Floor.Kind.ROLE, "admin");
        mvc.perform(get("/items/").header("Authorization", admin)).andExpect(status().isUnauthorized());
    }
}
