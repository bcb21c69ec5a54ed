import java.util.List;
import java.util.Map;

/**
 * Verifies tokens with a program of docs/other-languages.md, `nimbus` or `spring`: prints the subject and the roles of
 * each further argument, or `refused`.
 */
class Verify {
    interface Verifier {
        Map<String, Object> claims(String token) throws Exception;
    }

    static Verifier verifier(String library) throws Exception {
        if (library.equals("spring")) {
            var decoder = new ResourceServer().jwtDecoder();
            return token -> decoder.decode(token).getClaims();
        }
        var verifier = AccessTokens.verifier();
        return token -> verifier.process(token, null).getClaims();
    }

    public static void main(String[] arguments) throws Exception {
        var verifier = verifier(arguments[0]);
        for (var token : List.of(arguments).subList(1, arguments.length)) {
            try {
                var claims = verifier.claims(token);
                var roles = ((List<?>) claims.get("roles")).stream().map(String::valueOf).toList();
                System.out.println(claims.get("sub") + " " + String.join(",", roles));
            } catch (Exception refused) {
                System.err.println(refused);
                System.out.println("refused");
            }
        }
    }
}
