package rolecall;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** The strict parser refuses what two parsers could read differently. */
class JsonTest {
    private static Object parse(String text) throws Json.NotStrict {
        return Json.parse(text.getBytes(StandardCharsets.UTF_8), Json.TOKEN_DEPTH);
    }

    @Test
    void duplicateMembersAreRefusedAtAnyDepthAndBehindEscapes() throws Exception {
        for (String text : List.of("{\"a\":1,\"a\":1}", "{\"a\":1,\"\\u0061\":2}", "{\"b\":[{\"a\":1,\"a\":3}]}", "{\"\\/\":1,\"/\":2}")) {
            assertThrows(Json.NotStrict.class, () -> parse(text), text);
        }
        assertEquals(3, ((Map<?, ?>) parse("{\"a\":{\"a\":1},\"b\":{\"a\":2},\"A\":3}")).size());
    }

    @Test
    void invalidJsonIsRefused() throws Exception {
        for (String text : List.of("", " ", "{", "{}{}", "{} x", "\ufeff{}", "{'a':1}", "{a:1}", "{\"a\":1,}", "[1,]", "[,1]", "NaN",
            "Infinity", "{\"a\":01}", "{\"a\":+1}", "{\"a\":.5}", "{\"a\":1.}", "{\"a\":1e}", "{\"a\":-}", "\"\\ud800\"", "\"\\udc00\"",
            "\"\\ud800\\u0041\"", "\"\\u12g4\"", "\"\\u+123\"", "\"\\x41\"", "{\"a\":1}\0", "\"\u0001\"", "nul", "truex", "\"abc", "\"abc\\",
            "[1 2]", "{\"a\" 1}", "\f{}", "\u00a0{}", "1e400", "9".repeat(400), "0x10", "1d", "1f", "[".repeat(17) + "]".repeat(17),
            "{\"a\":".repeat(17) + "1" + "}".repeat(17), "\"\\u0661\"x", "\u0661", "\"\\u\u0661\u0661\u0661\u0661\"")) {
            assertThrows(Json.NotStrict.class, () -> parse(text), text);
        }
        for (byte[] bytes : List.of(new byte[] {'"', (byte) 0xff, '"'}, new byte[] {'"', (byte) 0xc0, (byte) 0xaf, '"'})) {
            assertThrows(Json.NotStrict.class, () -> Json.parse(bytes, Json.TOKEN_DEPTH));
        }
        parse("[".repeat(16) + "]".repeat(16));
        assertEquals("\ud83d\ude00", parse("\"\\ud83d\\ude00\""));
    }

    @Test
    void integersAreToldFromOtherNumbers() throws Exception {
        assertEquals(new Json.Num(0L, true, 0), parse("0"));
        assertEquals(new Json.Num(-7L, true, -7), parse(" -7\n"));
        assertEquals(new Json.Num(Long.MAX_VALUE, true, Long.MAX_VALUE), parse("9223372036854775807"));
        assertEquals(new Json.Num(null, true, 9.223372036854775808e18), parse("9223372036854775808"));
        assertEquals(new Json.Num(null, true, -0.0), parse("-0"));
        assertEquals(new Json.Num(null, false, 1), parse("1.0"));
        assertEquals(new Json.Num(null, false, 1000), parse("1E+3"));
        assertEquals(new Json.Num(null, false, 0), parse("1e-400"));
    }
}
