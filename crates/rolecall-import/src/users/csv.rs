//! A strict parser for CSV (RFC 4180). A lenient one guesses the meaning of a stray quote, and could assign a password
//! hash to the wrong user.

use super::record::Problem;

/// The line on which a record begins, and its fields.
pub(super) type Fields = (usize, Vec<String>);

/// The records of a text, without blank lines.
pub(super) struct Records<'t> {
    rest: &'t str,
    line: usize,
    separator: char,
}

impl<'t> Records<'t> {
    pub(super) fn new(text: &'t str, separator: char) -> Self {
        Self {
            rest: text,
            line: 1,
            separator,
        }
    }

    fn skip_blank_lines(&mut self) {
        while let Some(rest) = end_of_line(self.rest) {
            self.rest = rest;
            self.line += 1;
        }
    }

    /// Reads a field, up to the separator or line end after it.
    fn field(&mut self) -> Result<String, &'static str> {
        if let Some(quoted) = self.rest.strip_prefix('"') {
            return self.quoted(quoted);
        }
        let end = self.rest.find([self.separator, '\n', '\r']);
        let (field, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        if field.contains('"') {
            return Err(
                "a quote inside a field: put the whole field in quotes, and double the quote",
            );
        }
        self.rest = rest;
        Ok(field.to_owned())
    }

    fn quoted(&mut self, mut rest: &'t str) -> Result<String, &'static str> {
        let mut field = String::new();
        loop {
            let Some((text, after)) = rest.split_once('"') else {
                // the rest of the text could belong to this field
                self.rest = "";
                return Err("a quote that is never closed");
            };
            field.push_str(text);
            if let Some(after) = after.strip_prefix('"') {
                field.push('"');
                rest = after;
            } else {
                self.line += field.matches('\n').count();
                self.rest = after;
                return Ok(field);
            }
        }
    }

    fn record(&mut self) -> Result<Vec<String>, &'static str> {
        let mut fields = Vec::new();
        loop {
            fields.push(self.field()?);
            if let Some(rest) = self.rest.strip_prefix(self.separator) {
                self.rest = rest;
            } else if let Some(rest) = end_of_line(self.rest) {
                self.rest = rest;
                self.line += 1;
                return Ok(fields);
            } else if self.rest.is_empty() {
                return Ok(fields);
            } else if self.rest.starts_with('\r') {
                return Err(
                    "a carriage return without a newline: save the file with the line ends of Windows or Unix",
                );
            } else {
                return Err("text after a closing quote");
            }
        }
    }

    fn skip_line(&mut self) {
        let end = self.rest.find('\n').map_or(self.rest.len(), |at| at + 1);
        self.rest = self.rest.get(end..).unwrap_or_default();
        self.line += 1;
    }
}

impl Iterator for Records<'_> {
    type Item = Result<Fields, Problem>;

    fn next(&mut self) -> Option<Self::Item> {
        self.skip_blank_lines();
        if self.rest.is_empty() {
            return None;
        }
        let line = self.line;
        Some(match self.record() {
            Ok(fields) => Ok((line, fields)),
            Err(message) => {
                self.skip_line();
                Err(Problem::new(line, message))
            }
        })
    }
}

/// Strips a line end from the beginning of `text`; `None` if there is none.
fn end_of_line(text: &str) -> Option<&str> {
    text.strip_prefix("\r\n")
        .or_else(|| text.strip_prefix('\n'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<Result<Fields, usize>> {
        Records::new(text, ',')
            .map(|record| record.map_err(|problem| problem.line))
            .collect()
    }

    #[expect(
        clippy::unnecessary_wraps,
        reason = "has the type that it is compared with"
    )]
    fn record(line: usize, fields: &[&str]) -> Result<Fields, usize> {
        Ok((
            line,
            fields.iter().map(|field| (*field).to_owned()).collect(),
        ))
    }

    #[test]
    fn fields_are_read_as_written() {
        assert_eq!(
            read("a,b\r\n\"c,\"\"d\"\"\ne\",\n\nf, g \n"),
            [
                record(1, &["a", "b"]),
                record(2, &["c,\"d\"\ne", ""]),
                record(5, &["f", " g "]),
            ]
        );
        assert_eq!(read("a,"), [record(1, &["a", ""])]);
        assert_eq!(read("\"\""), [record(1, &[""])]);
        assert!(read("\n\r\n").is_empty());
    }

    #[test]
    fn the_meaning_of_a_malformed_record_is_not_guessed() {
        assert_eq!(read("a\"b\nc"), [Err(1), record(2, &["c"])]);
        assert_eq!(read("\"a\"b\nc"), [Err(1), record(2, &["c"])]);
        assert_eq!(read("x\n\"a\nb"), [record(1, &["x"]), Err(2)]);
        assert_eq!(read("a\rb\nc"), [Err(1), record(2, &["c"])]);
    }

    #[test]
    fn a_lone_carriage_return_is_named() {
        let problem = Records::new("a\rb", ',').next().unwrap().unwrap_err();
        assert!(problem.message.contains("carriage return"), "{problem:?}");
        let problem = Records::new("\"a\"b", ',').next().unwrap().unwrap_err();
        assert_eq!(problem.message, "text after a closing quote");
    }

    proptest::proptest! {
        #[test]
        fn quoted_fields_are_read_as_written(fields in proptest::collection::vec("[a\",\\r\\n ;é]{0,6}", 2..5)) {
            let written: Vec<String> = fields.iter().map(|field| format!("\"{}\"", field.replace('"', "\"\""))).collect();
            proptest::prop_assert_eq!(read(&written.join(",")), [Ok((1, fields))]);
        }

        #[test]
        fn no_text_makes_the_parser_panic_or_loop(text in "[a\",\\r\\n]{0,40}") {
            proptest::prop_assert!(Records::new(&text, ',').count() <= text.len());
        }
    }
}
