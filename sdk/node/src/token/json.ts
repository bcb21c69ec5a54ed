// A strict JSON parser: a text that two parsers could read differently is refused (RFC 8725 section 2.6).

/** The error for a text that is not JSON, has a duplicate member or is nested too deeply. */
export class NotStrict extends Error {}

/** A number that is not written as an integer, such as `1.0` or `1e3`. */
export class Float {
  constructor(readonly value: number) {}
}

export type Json = null | boolean | number | bigint | Float | string | Json[] | JsonObject;
export type JsonObject = Map<string, Json>;

/** A JSON value as applications use it. */
export type JsonValue = null | boolean | number | string | JsonValue[] | { [name: string]: JsonValue };

/** The maximum nesting depth of arrays and objects in tokens and keys. */
export const MAX_DEPTH = 16;

const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
// a chunk of a string without escapes; control characters are not allowed in it
const CHUNK = /[^"\\\u0000-\u001f]*/y;
const HEX = /[0-9a-fA-F]{4}/y;
const ESCAPES: Record<string, string> = { '"': '"', "\\": "\\", "/": "/", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const [MIN_I64, MAX_U64] = [-(2n ** 63n), 2n ** 64n - 1n];

/** Decodes UTF-8 exactly; a byte-order mark stays in the text, where no JSON can have it. */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return UTF8.decode(bytes);
  } catch {
    throw new NotStrict("not UTF-8");
  }
}

/** Parses `text`; throws {@link NotStrict} unless it has exactly one meaning. */
export function parseJson(text: string, maxDepth = MAX_DEPTH): Json {
  const parser = new Parser(text);
  const value = parser.value(maxDepth);
  parser.space();
  if (!parser.isAtEnd()) throw new NotStrict("text after the value");
  return value;
}

/** Parses the bytes of an object. */
export function parseObject(bytes: Uint8Array, maxDepth = MAX_DEPTH): JsonObject {
  const value = parseJson(decodeUtf8(bytes), maxDepth);
  if (!(value instanceof Map)) throw new NotStrict("not an object");
  return value;
}

/** Converts a value for use by an application. */
export function toPlain(value: Json): JsonValue {
  if (value instanceof Float) return value.value;
  if (typeof value === "bigint") return Number(value);
  if (Array.isArray(value)) return value.map(toPlain);
  if (!(value instanceof Map)) return value;
  const object = Object.create(null) as { [name: string]: JsonValue };
  for (const [name, member] of value) object[name] = toPlain(member);
  return object;
}

class Parser {
  #at = 0;

  constructor(readonly text: string) {}

  isAtEnd(): boolean {
    return this.#at === this.text.length;
  }

  space(): void {
    for (;;) {
      const code = this.text.charCodeAt(this.#at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.#at += 1;
    }
  }

  value(depth: number): Json {
    this.space();
    switch (this.text[this.#at]) {
      case "{":
        return this.#object(depth - 1);
      case "[":
        return this.#array(depth - 1);
      case '"':
        return this.#string();
      case "t":
        return this.#word("true", true);
      case "f":
        return this.#word("false", false);
      case "n":
        return this.#word("null", null);
      default:
        return this.#number();
    }
  }

  #object(depth: number): JsonObject {
    if (depth < 0) throw new NotStrict("nested too deeply");
    const members: JsonObject = new Map();
    this.#at += 1;
    this.space();
    if (this.#skip("}")) return members;
    do {
      this.space();
      if (this.text[this.#at] !== '"') throw new NotStrict("not the name of a member");
      const name = this.#string();
      if (members.has(name)) throw new NotStrict("duplicate member");
      this.space();
      this.#expect(":");
      members.set(name, this.value(depth));
      this.space();
    } while (this.#skip(","));
    this.#expect("}");
    return members;
  }

  #array(depth: number): Json[] {
    if (depth < 0) throw new NotStrict("nested too deeply");
    const items: Json[] = [];
    this.#at += 1;
    this.space();
    if (this.#skip("]")) return items;
    do {
      items.push(this.value(depth));
      this.space();
    } while (this.#skip(","));
    this.#expect("]");
    return items;
  }

  #string(): string {
    this.#at += 1;
    let text = "";
    for (;;) {
      text += this.#match(CHUNK)?.[0] ?? "";
      if (this.#skip('"')) break;
      this.#expect("\\");
      text += this.#escape();
    }
    return text;
  }

  #escape(): string {
    const letter = this.text[this.#at] ?? "";
    this.#at += 1;
    if (letter !== "u") {
      const character = ESCAPES[letter];
      if (character === undefined) throw new NotStrict("not an escape");
      return character;
    }
    const unit = this.#hex();
    const isLow = (code: number) => code >= 0xdc00 && code <= 0xdfff;
    if (isLow(unit)) throw new NotStrict("half of a surrogate pair");
    if (unit < 0xd800 || unit > 0xdfff) return String.fromCharCode(unit);
    this.#expect("\\");
    this.#expect("u");
    const low = this.#hex();
    if (!isLow(low)) throw new NotStrict("half of a surrogate pair");
    return String.fromCharCode(unit, low);
  }

  #hex(): number {
    const digits = this.#match(HEX);
    if (!digits) throw new NotStrict("not an escape");
    return Number.parseInt(digits[0], 16);
  }

  #number(): number | bigint | Float {
    const match = this.#match(NUMBER);
    if (!match || match[0] === "") throw new NotStrict("not a value");
    const [literal, fraction, exponent] = match;
    const number = Number(literal);
    if (!Number.isFinite(number)) throw new NotStrict("a number out of range");
    if (fraction !== undefined || exponent !== undefined || Object.is(number, -0)) return new Float(number);
    if (Number.isSafeInteger(number)) return number;
    const exact = BigInt(literal);
    return exact >= MIN_I64 && exact <= MAX_U64 ? exact : new Float(number);
  }

  #word<T>(word: string, value: T): T {
    if (!this.text.startsWith(word, this.#at)) throw new NotStrict("not a value");
    this.#at += word.length;
    return value;
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.text);
    if (match) this.#at += match[0].length;
    return match;
  }

  #skip(character: string): boolean {
    if (this.text[this.#at] !== character) return false;
    this.#at += 1;
    return true;
  }

  #expect(character: string): void {
    if (!this.#skip(character)) throw new NotStrict(`\`${character}\` is missing`);
  }
}
