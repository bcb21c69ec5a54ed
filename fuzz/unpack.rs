// Reads the kept inputs of a fuzz target. The tests that replay them and `cargo xtask fuzz` include this file.

/// An input of a fuzz target.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Input {
    /// The name of an input that a person has written or kept; empty for what libFuzzer has found.
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

/// Reads an archive: a line for each input, `"bytes"` or `name "bytes"`, with the escapes of Rust's
/// `[u8]::escape_ascii`.
pub(crate) fn unpack(archive: &str) -> Result<Vec<Input>, String> {
    let lines = (1..).zip(archive.lines());
    lines
        .map(|(number, line)| read(line).ok_or(format!("line {number} is no input: {line}")))
        .collect()
}

fn read(line: &str) -> Option<Input> {
    let (name, rest) = line.split_once('"')?;
    let bytes = unescape(rest.strip_suffix('"')?)?;
    let name = name.trim_end().to_owned();
    Some(Input { name, bytes })
}

fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut letters = text.bytes();
    while let Some(letter) = letters.next() {
        let byte = match letter {
            b'\\' => match letters.next()? {
                b't' => b'\t',
                b'r' => b'\r',
                b'n' => b'\n',
                b'x' => {
                    let digits = [letters.next()?, letters.next()?];
                    u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
                }
                quoted @ (b'\'' | b'"' | b'\\') => quoted,
                _ => return None,
            },
            other => other,
        };
        bytes.push(byte);
    }
    Some(bytes)
}
