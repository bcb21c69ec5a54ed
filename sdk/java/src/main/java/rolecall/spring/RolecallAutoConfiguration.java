package rolecall.spring;

import jakarta.servlet.http.HttpServletRequest;
import java.util.List;
import org.springframework.beans.factory.config.BeanPostProcessor;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnWebApplication;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.ApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.core.MethodParameter;
import org.springframework.http.HttpHeaders;
import org.springframework.http.ResponseEntity;
import org.springframework.security.authentication.AuthenticationManager;
import org.springframework.security.authentication.ProviderNotFoundException;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.config.annotation.web.configurers.AbstractHttpConfigurer;
import org.springframework.security.config.http.SessionCreationPolicy;
import org.springframework.security.web.SecurityFilterChain;
import org.springframework.web.bind.annotation.ControllerAdvice;
import org.springframework.web.bind.annotation.ExceptionHandler;
import org.springframework.web.bind.support.WebDataBinderFactory;
import org.springframework.web.context.request.NativeWebRequest;
import org.springframework.web.method.support.HandlerMethodArgumentResolver;
import org.springframework.web.method.support.ModelAndViewContainer;
import org.springframework.web.multipart.support.StandardServletMultipartResolver;
import org.springframework.web.servlet.config.annotation.WebMvcConfigurer;
import org.springframework.web.servlet.handler.MappedInterceptor;
import rolecall.Denial;
import rolecall.Guard;
import rolecall.Principal;

/** Guards every mapping of an application with the rule of its annotations. */
@AutoConfiguration(beforeName = {
    "org.springframework.boot.autoconfigure.security.servlet.SecurityAutoConfiguration",
    "org.springframework.boot.autoconfigure.security.servlet.UserDetailsServiceAutoConfiguration",
    "org.springframework.boot.security.autoconfigure.SecurityAutoConfiguration",
    "org.springframework.boot.security.autoconfigure.UserDetailsServiceAutoConfiguration",
    "org.springframework.boot.security.autoconfigure.web.servlet.ServletWebSecurityAutoConfiguration",
})
@ConditionalOnWebApplication(type = ConditionalOnWebApplication.Type.SERVLET)
@EnableConfigurationProperties(RolecallProperties.class)
public class RolecallAutoConfiguration {
    /** The guard of {@code rolecall.issuer}. */
    @Bean
    @ConditionalOnMissingBean
    Guard rolecallGuard(RolecallProperties properties) {
        if (properties.getIssuer().isEmpty()) {
            throw new IllegalStateException("set the property `rolecall.issuer` to the URL whose tokens are accepted");
        }
        Guard.Builder builder = Guard.of(properties.getIssuer()).maxStaleness(properties.getMaxStaleness());
        if (!properties.getAudiences().isEmpty()) {
            builder.audiences(properties.getAudiences());
        }
        if (properties.getClientId() != null && !properties.getClientId().isEmpty()) {
            builder.client(properties.getClientId(), properties.getClientSecret());
        }
        if (properties.isForeign()) {
            builder.foreign();
        }
        if (properties.isInsecureHttp()) {
            builder.insecureHttp();
        }
        return builder.build();
    }

    @Bean
    OpenPaths rolecallOpenPaths(RolecallProperties properties) {
        return new OpenPaths(properties.getOpen());
    }

    /** Found by every mapping of handlers, and not only by those of controllers. */
    @Bean
    MappedInterceptor rolecallInterceptor(Guard guard, OpenPaths open) {
        return new MappedInterceptor(null, new RuleInterceptor(guard, open));
    }

    @Bean
    StartCheck rolecallStartCheck(ApplicationContext context, OpenPaths open) {
        return new StartCheck(context, open);
    }

    /** Gives handlers their caller. */
    @Bean
    WebMvcConfigurer rolecallArguments() {
        return new WebMvcConfigurer() {
            @Override
            public void addArgumentResolvers(List<HandlerMethodArgumentResolver> resolvers) {
                resolvers.add(new CallerResolver());
            }
        };
    }

    private static final class CallerResolver implements HandlerMethodArgumentResolver {
        @Override
        public boolean supportsParameter(MethodParameter parameter) {
            return parameter.getParameterType() == Principal.class;
        }

        @Override
        public Object resolveArgument(MethodParameter parameter, ModelAndViewContainer container, NativeWebRequest request,
                                      WebDataBinderFactory binders) {
            HttpServletRequest http = request.getNativeRequest(HttpServletRequest.class);
            return http == null ? null : http.getAttribute(RuleInterceptor.CALLER);
        }
    }

    /** Answers the denials that handlers throw with {@link Principal#require}. */
    @Bean
    DenialAdvice rolecallDenials() {
        return new DenialAdvice();
    }

    @ControllerAdvice
    static final class DenialAdvice {
        @ExceptionHandler(Denial.class)
        ResponseEntity<String> answer(Denial denial) {
            HttpHeaders headers = new HttpHeaders();
            denial.headers().forEach(headers::set);
            return ResponseEntity.status(denial.status()).headers(headers).body(denial.body(null, null));
        }
    }

    /** Uploads are read when the handler asks for them, and so after the rule. */
    @Bean
    static BeanPostProcessor rolecallLazyUploads() {
        return new BeanPostProcessor() {
            @Override
            public Object postProcessBeforeInitialization(Object bean, String name) {
                if (bean instanceof StandardServletMultipartResolver resolver) {
                    resolver.setResolveLazily(true);
                }
                return bean;
            }
        };
    }

    /** Lets every request through to the rules: no sessions, no forms, and no tokens against forged requests from other sites. */
    @Bean
    @ConditionalOnMissingBean
    SecurityFilterChain rolecallSecurity(HttpSecurity http) throws Exception {
        return http.csrf(AbstractHttpConfigurer::disable)
            .sessionManagement(sessions -> sessions.sessionCreationPolicy(SessionCreationPolicy.STATELESS))
            .requestCache(AbstractHttpConfigurer::disable)
            .logout(AbstractHttpConfigurer::disable)
            .authorizeHttpRequests(requests -> requests.anyRequest().permitAll())
            .build();
    }

    /** There are no passwords here; without this bean, Spring Boot would make a user with a password. */
    @Bean
    @ConditionalOnMissingBean
    AuthenticationManager rolecallAuthenticationManager() {
        return authentication -> {
            throw new ProviderNotFoundException("callers authenticate with access tokens alone");
        };
    }
}
