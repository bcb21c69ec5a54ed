//! The form of a token: its parts, base64url, and JSON that means more than one thing.

use serde_json::json;

use crate::{
    keys::key,
    signing::{claims, encode, header, sign_raw, valid, with},
    tokens::Row,
};

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = parts();
    rows.extend(base64());
    rows.extend(headers());
    rows.extend(payloads());
    rows
}

/// Parts that are missing, too many or too long.
fn parts() -> Vec<Row> {
    let token = valid();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (head, payload) = signed.split_once('.').unwrap();
    let filler = |length: usize| with(claims(), "filler", "x".repeat(length));
    let sized = |length: usize| {
        let key = key("es256");
        sign_raw(
            &key,
            &header(&key).to_string(),
            filler(length).to_string().as_bytes(),
        )
    };
    let limit = 16 * 1024;
    // base64 writes three bytes as four, so that one of three lengths fits exactly
    let largest = (11_000..12_200)
        .rev()
        .map(sized)
        .find(|token| token.len() <= limit)
        .unwrap();
    let too_long = (11_000..12_400)
        .map(sized)
        .find(|token| token.len() > limit)
        .unwrap();
    let mut rows = vec![
        Row::new("size-largest", &largest, 200),
        Row::new("size-too-long", &too_long, 401),
        Row::new("huge", &"a".repeat(20_000), 401),
        Row::new("many-dots", &".".repeat(10_000), 401),
        Row::new(
            "five-parts-jwe",
            &format!("{head}.{signature}.{signature}.{payload}.{signature}"),
            401,
        ),
        Row::new(
            "polyglot-json",
            &encode(
                json!({ "payload": payload, "protected": head, "signature": signature })
                    .to_string(),
            ),
            401,
        ),
        Row::new("polyglot-prefix", &format!("{head}.{payload}.{token}"), 401),
    ];
    for (id, text) in [
        ("no-header", format!(".{payload}.{signature}")),
        ("no-payload", format!("{head}..{signature}")),
        ("one-part", head.to_owned()),
        ("two-parts", format!("{head}.{payload}")),
        ("four-parts", format!("{token}.{signature}")),
        ("dot-first", format!(".{token}")),
        ("dot-last", format!("{token}.")),
        ("swapped", format!("{payload}.{head}.{signature}")),
        ("twice", format!("{token}{token}")),
    ] {
        rows.push(Row::new(format!("parts-{id}"), &text, 401));
    }
    rows
}

/// Texts that decode to the same bytes, but are not canonical.
fn base64() -> Vec<Row> {
    let token = valid();
    let parts: Vec<&str> = token.split('.').collect();
    let replaced = |index: usize, text: String| {
        let mut parts: Vec<String> = parts.iter().map(|part| (*part).to_owned()).collect();
        parts[index] = text;
        parts.join(".")
    };
    let mut rows = Vec::new();
    for (index, name) in ["header", "payload", "signature"].into_iter().enumerate() {
        for (id, text) in [
            ("padding", format!("{}=", parts[index])),
            ("two-paddings", format!("{}==", parts[index])),
            ("slash", format!("{}/", parts[index])),
            ("plus", format!("+{}", parts[index])),
            ("tilde", format!("{}~", parts[index])),
            ("one-more", format!("{}A", parts[index])),
            ("cut", parts[index][..parts[index].len() - 1].to_owned()),
        ] {
            rows.push(Row::new(
                format!("base64-{name}-{id}"),
                &replaced(index, text),
                401,
            ));
        }
    }
    // the last character of a 64-byte signature has four bits that count for nothing
    let signature = parts[2];
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = alphabet.find(signature.chars().last().unwrap()).unwrap();
    for bits in [1, 5, 15] {
        let other = alphabet.chars().nth(last ^ bits).unwrap();
        let text = format!("{}{other}", &signature[..signature.len() - 1]);
        rows.push(Row::new(
            format!("base64-signature-trailing-bits-{bits}"),
            &replaced(2, text),
            401,
        ));
    }
    rows
}

/// Headers in odd JSON, correctly signed.
fn headers() -> Vec<Row> {
    let payload = claims().to_string();
    let signed = |head: &str| sign_raw(&key("es256"), head, payload.as_bytes());
    let good = header(&key("es256")).to_string();
    let deep = |depth: usize| {
        format!(
            r#"{{"x":{}{},{}"#,
            "[".repeat(depth),
            "]".repeat(depth),
            &good[1..]
        )
    };
    [
        ("spaces", format!(" \t\r\n{good} \n"), 200),
        (
            "escaped-name",
            good.replace("\"alg\"", r#""\u0061lg""#),
            200,
        ),
        ("byte-order-mark", format!("\u{feff}{good}"), 401),
        ("twice", format!("{good}{good}"), 401),
        ("trailing-comma", good.replace('}', ",}"), 401),
        ("comment", format!("{good}//"), 401),
        ("single-quotes", good.replace('"', "'"), 401),
        ("array", r#"["ES256","at+jwt","es256"]"#.to_owned(), 401),
        ("array-around", format!("[{good}]"), 401),
        ("string", json!(good).to_string(), 401),
        ("null", "null".to_owned(), 401),
        ("empty", String::new(), 401),
        ("empty-object", "{}".to_owned(), 401),
        (
            "duplicate-alg-none-first",
            good.replace('{', r#"{"alg":"none","#),
            401,
        ),
        (
            "duplicate-alg-same",
            good.replace('{', r#"{"alg":"ES256","#),
            401,
        ),
        (
            "duplicate-kid-escaped",
            good.replace('{', r#"{"\u006bid":"es256","#),
            401,
        ),
        (
            "duplicate-nested",
            good.replace('{', r#"{"x":{"a":1,"a":1},"#),
            401,
        ),
        ("deep-15", deep(15), 200),
        ("deep-16", deep(16), 401),
        ("deep-2000", deep(2_000), 401),
        ("nul-after", format!("{good}\0"), 401),
    ]
    .into_iter()
    .map(|(id, head, status)| Row::new(format!("header-json-{id}"), &signed(&head), status))
    .collect()
}

/// Payloads in odd JSON, correctly signed.
fn payloads() -> Vec<Row> {
    let head = header(&key("es256")).to_string();
    let signed = |payload: &[u8]| sign_raw(&key("es256"), &head, payload);
    let good = claims().to_string();
    let first = |members: &str| good.replacen('{', &format!("{{{members},"), 1);
    let deep = |depth: usize| {
        first(&format!(
            r#""x":{}{}"#,
            "[".repeat(depth),
            "]".repeat(depth)
        ))
    };
    let utf16: Vec<u8> = good.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut rows: Vec<Row> = [
        ("spaces", format!("\n {good}\t"), 200),
        (
            "escaped-name",
            good.replace("\"sub\"", r#""\u0073ub""#),
            200,
        ),
        (
            "escaped-value",
            good.replace("\"u1\"", r#""\u0075\u0031""#),
            200,
        ),
        ("pair-of-surrogates", first(r#""x":"\ud83d\ude00""#), 200),
        ("lone-surrogate", first(r#""x":"\ud83d""#), 401),
        ("byte-order-mark", format!("\u{feff}{good}"), 401),
        ("twice", format!("{good}{good}"), 401),
        (
            "trailing-comma",
            good.replace("]}", "],}").replace("\"}", "\",}"),
            401,
        ),
        ("trailing-text", format!("{good}x"), 401),
        ("comment", format!("/**/{good}"), 401),
        ("nan", first(r#""x":NaN"#), 401),
        ("infinity", first(r#""x":1e999"#), 401),
        ("leading-zero", first(r#""x":01"#), 401),
        ("plus", first(r#""x":+1"#), 401),
        ("hexadecimal", first(r#""x":0x1"#), 401),
        ("control-character", first("\"x\":\"\n\""), 401),
        ("nul-in-string", first(r#""x":"\u0000""#), 200),
        ("array", format!("[{good}]"), 401),
        ("string", json!(good).to_string(), 401),
        ("null", "null".to_owned(), 401),
        ("number", "1".to_owned(), 401),
        ("empty", String::new(), 401),
        ("empty-object", "{}".to_owned(), 401),
        ("duplicate-sub", first(r#""sub":"u2""#), 401),
        ("duplicate-sub-same", first(r#""sub":"u1""#), 401),
        ("duplicate-exp", first(r#""exp":9999999999"#), 401),
        (
            "duplicate-roles-escaped",
            first(r#""r\u006fles":["admin"]"#),
            401,
        ),
        ("duplicate-unknown", first(r#""x":1,"x":1"#), 401),
        ("duplicate-nested", first(r#""x":[{"a":1,"a":2}]"#), 401),
        ("proto", first(r#""__proto__":{"roles":["admin"]}"#), 200),
        (
            "duplicate-proto",
            first(r#""__proto__":1,"__proto__":1"#),
            401,
        ),
        ("deep-15", deep(15), 200),
        ("deep-16", deep(16), 401),
        ("deep-2000", deep(2_000), 401),
    ]
    .into_iter()
    .map(|(id, payload, status)| {
        Row::new(
            format!("payload-json-{id}"),
            &signed(payload.as_bytes()),
            status,
        )
    })
    .collect();
    let latin: Vec<u8> = good
        .replace("alice", "al\u{ff}ce")
        .chars()
        .map(|one| u8::try_from(u32::from(one)).unwrap())
        .collect();
    rows.push(Row::new("payload-not-utf-8", &signed(&latin), 401));
    rows.push(Row::new("payload-utf-16", &signed(&utf16), 401));
    rows
}
