package rolecall.spring;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/** Narrows the rule beside it to users who signed in a short time ago. Others get 401 and sign in again (RFC 9470). */
@Documented
@Target({ElementType.METHOD, ElementType.TYPE, ElementType.ANNOTATION_TYPE})
@Retention(RetentionPolicy.RUNTIME)
public @interface FreshSignIn {
    /** The most seconds since the sign-in. */
    long seconds();
}
