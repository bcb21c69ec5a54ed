import assert from "node:assert/strict";
import test from "node:test";
import { Float, MAX_DEPTH, parseJson, parseObject, toPlain } from "../dist/esm/token/json.js";
import { decodeBase64url } from "../dist/esm/token/encoding.js";

test("duplicate members are refused at any depth and behind escapes", () => {
  for (const text of ['{"a":1,"a":1}', '{"a":1,"\\u0061":2}', '{"b":[{"a":1,"b":2,"a":3}]}', '[{"x":{"y":{"":0,"":0}}}]', '{"\\/":1,"/":2}', '{"__proto__":1,"__proto__":2}']) {
    assert.throws(() => parseJson(text), /duplicate member/, text);
  }
  assert.equal(parseJson('{"a":{"a":1},"b":{"a":2},"A":3}').size, 3);
});

test("what is no JSON is refused", () => {
  for (const text of ["", " ", "{", "{}{}", "{} x", "\ufeff{}", "{'a':1}", "{a:1}", '{"a":1,}', "[1,]", "NaN", '{"a":Infinity}', '{"a":01}', '{"a":+1}',
    '{"a":.5}', '{"a":1.}', '{"a":1e}', "// c\n{}", '"\\ud800"', '"\\udc00"', '"\\ud800\\u0041"', '"\\x"', '"\\u12g4"', '{"a":1}\0', '"a\nb"', '{"a" 1}', '{"a":1 "b":2}', "tru", "[1 2]", '{"a":1e400}', "-", "\u00a0{}"]) {
    assert.throws(() => parseJson(text), undefined, JSON.stringify(text));
  }
  assert.throws(() => parseObject(Buffer.from([0x7b, 0x22, 0x61, 0x22, 0x3a, 0x22, 0xff, 0x22, 0x7d])));
  assert.throws(() => parseObject(Buffer.from("[]")));
  assert.throws(() => parseObject(Buffer.from("\ufeff{}")));
});

test("what is JSON is parsed as JSON.parse does", () => {
  for (const text of [' {"a": [1, -2.5e3, null, true, "x"]}\r\n', '"\\ud83d\\ude00\\n\\u00e9 é"', "[]", "{}", "0", "-12", "[[],{}]", '{"":"","é":{"b":[false]}}', "123.25"]) {
    assert.deepEqual(JSON.parse(JSON.stringify(toPlain(parseJson(text)))), JSON.parse(text), text);
  }
});

test("integers are exact and distinct from other numbers", () => {
  assert.equal(parseJson("9007199254740993"), 9007199254740993n);
  assert.equal(parseJson("18446744073709551615"), 2n ** 64n - 1n);
  for (const text of ["1.0", "1e3", "-0", "18446744073709551616"]) assert.ok(parseJson(text) instanceof Float, text);
});

test("the nesting depth is limited", () => {
  const nested = (depth) => "[".repeat(depth) + "]".repeat(depth);
  assert.doesNotThrow(() => parseJson(nested(MAX_DEPTH)));
  assert.throws(() => parseJson(nested(MAX_DEPTH + 1)), /nested/);
  assert.throws(() => parseJson("[".repeat(1_000_000)), /nested/);
  const objects = (depth) => '{"a":'.repeat(depth) + "1" + "}".repeat(depth);
  assert.doesNotThrow(() => parseJson(objects(MAX_DEPTH)));
  assert.throws(() => parseJson(objects(MAX_DEPTH + 1)), /nested/);
});

test("a random text is parsed only if JSON.parse parses it to the same", () => {
  const alphabet = ["{", "}", "[", "]", '"', ":", ",", "a", "\\", "u0061", "1", "-", ".", "e", "0", " ", "true", "null", "\n"];
  let seed = 1;
  const random = (limit) => (seed = (seed * 48271) % 2147483647) % limit;
  let parsed = 0;
  for (let round = 0; round < 200_000; round += 1) {
    const text = Array.from({ length: 1 + random(8) }, () => alphabet[random(alphabet.length)]).join("");
    let value;
    try {
      value = toPlain(parseJson(text));
    } catch {
      continue;
    }
    parsed += 1;
    assert.deepEqual(JSON.stringify(value), JSON.stringify(JSON.parse(text)), text);
  }
  assert.ok(parsed > 100, `only ${parsed} texts were JSON`);
});

test("only canonical base64url is decoded", () => {
  assert.deepEqual(decodeBase64url("_-8"), Buffer.from([0xff, 0xef]));
  for (const text of ["_-8=", "/+8", "_-8 ", " _-8", "_-\n8", "_-9", "_-8\0", "_", "_-8_-", "%2D", "é"]) {
    assert.equal(decodeBase64url(text), undefined, JSON.stringify(text));
  }
});
