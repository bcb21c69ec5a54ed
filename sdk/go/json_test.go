package rolecall

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
)

func TestDuplicateMembersAreRefusedAtAnyDepthAndBehindEscapes(t *testing.T) {
	for _, text := range []string{
		`{"a":1,"a":1}`, `{"a":1,"\u0061":2}`, `{"b":[{"a":1,"b":2,"a":3}]}`, `[{"x":{"y":{"":0,"":0}}}]`, `{"\/":1,"/":2}`,
		`{"\ud83d\ude00":1,"😀":2}`,
	} {
		if _, err := parseJSON([]byte(text), maxTokenDepth); err == nil {
			t.Errorf("accepted %s", text)
		}
	}
	if _, err := parseJSON([]byte(`{"a":{"a":1},"b":{"a":2},"A":3}`), maxTokenDepth); err != nil {
		t.Error("names that differ in case are not the same")
	}
}

func TestInvalidJSONIsRefused(t *testing.T) {
	for _, text := range []string{
		"", " ", "{", "{}{}", "{} x", "\ufeff{}", "{'a':1}", "{a:1}", `{"a":1,}`, "[1,]", "[,1]", "NaN", `{"a":Infinity}`,
		`{"a":01}`, `{"a":+1}`, `{"a":.5}`, `{"a":1.}`, `{"a":1e}`, `{"a":-}`, "// c\n{}", `"\ud800"`, `"\udc00"`, `"\ud800\u0041"`,
		`"\ud800x"`, `"\u12g4"`, `"\u+123"`, `"\x41"`, "{\"a\":1}\x00", "\"\x01\"", "\"\\n\x1f\"", "\"\xff\"", "\"\\n\xc0\xaf\"", "nul", "truex",
		"tru", `"abc`, `"abc\`, "[1 2]", `{"a" 1}`, `{"a":1 "b":2}`, "\f{}", "\u00a0{}", "1e400", "-1e400",
		strings.Repeat("9", 400), strings.Repeat("[", 17) + strings.Repeat("]", 17),
		strings.Repeat(`{"a":`, 17) + "1" + strings.Repeat("}", 17),
	} {
		if value, err := parseJSON([]byte(text), maxTokenDepth); err == nil {
			t.Errorf("accepted %.60q as %v", text, value)
		}
	}
	deepest := strings.Repeat("[", 16) + strings.Repeat("]", 16)
	if _, err := parseJSON([]byte(deepest), maxTokenDepth); err != nil {
		t.Error("16 levels are allowed")
	}
}

func TestNumbersKeepTheDifferenceBetweenIntegersAndOthers(t *testing.T) {
	for text, want := range map[string]number{
		"0": {true, true, 0, 0}, "-7": {true, true, -7, -7}, "9223372036854775807": {true, true, math.MaxInt64, math.MaxInt64},
		"9223372036854775808": {false, true, 0, 9223372036854775808}, "-0": {false, true, 0, math.Copysign(0, -1)},
		"1.0": {false, false, 0, 1}, "1e3": {false, false, 0, 1000}, "1E+3": {false, false, 0, 1000}, "1e-400": {false, false, 0, 0},
		"0e999999": {false, false, 0, 0},
	} {
		value, err := parseJSON([]byte(" "+text+"\n"), maxTokenDepth)
		if err != nil || value != any(want) {
			t.Errorf("%s is %#v, %v", text, value, err)
		}
	}
}

// What this parser accepts, encoding/json accepts too and reads the same.
func FuzzJSONIsAlsoJSONForTheStandardLibrary(f *testing.F) {
	for _, seed := range []string{`{"a":[1,2.5,"x\n\u00e9",null,true],"b":{"c":-0}}`, `"\ud83d\ude00"`, `[[[]]]`, "1e400", "{\"a\":1,\"a\":2}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		value, err := parseJSON([]byte(text), maxTokenDepth)
		var other any
		otherErr := json.Unmarshal([]byte(text), &other)
		if err != nil {
			return
		}
		if otherErr != nil {
			t.Fatalf("accepted %q, which is not JSON: %v", text, otherErr)
		}
		ours, _ := json.Marshal(plainValue(value))
		theirs, _ := json.Marshal(other)
		if string(ours) != string(theirs) {
			t.Fatalf("%q is %s, and %s for encoding/json", text, ours, theirs)
		}
	})
}

func TestStringsAreWrittenAsTheServersWriteThem(t *testing.T) {
	got := string(appendJSONString(nil, "a\"\\/<>&\u2028\b\f\n\r\t\x01\x1f\x7fé"))
	want := `"a\"\\/<>&` + "\u2028" + `\b\f\n\r\t\u0001\u001f` + "\x7fé" + `"`
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
