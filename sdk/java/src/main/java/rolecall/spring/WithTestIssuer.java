package rolecall.spring;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import rolecall.Guard;
import rolecall.testing.TestIssuer;

/**
 * Guards the application of a test with a {@link TestIssuer}, which is a bean, in place of the issuer in the properties. No server
 * is needed.
 */
@Documented
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@Import(WithTestIssuer.Beans.class)
public @interface WithTestIssuer {
    /** The beans of the test. */
    @Configuration(proxyBeanMethods = false)
    class Beans {
        /** The issuer. */
        @Bean
        public TestIssuer testIssuer() {
            return new TestIssuer();
        }

        /** The guard that accepts its tokens. */
        @Bean
        public Guard rolecallGuard(TestIssuer issuer) {
            return issuer.guard();
        }
    }
}
