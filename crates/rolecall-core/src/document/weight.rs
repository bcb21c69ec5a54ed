//! Weighs a document before it is parsed.
//!
//! A parser builds a tree of the whole text, in which a table of one member takes more than a kilobyte. So a text of
//! dotted keys or of empty braces would take hundreds of times its length. The scan here is linear and allocates
//! nothing.

use toml_parser::{Source, lexer::TokenKind};

use super::{
    error::{DocumentError, DocumentErrors},
    position::Lines,
};

/// The deepest nesting of a document. The format itself has four levels.
const MAX_DEPTH: usize = 8;

// Upper estimates in bytes: the nodes of both trees, what is read from them, and the text of short names.
const TABLE: usize = 1536;
const LIST: usize = 512;
const VALUE: usize = 320;

/// A role with all its members, except for the names in its lists.
const ROLE: usize = TABLE + 3 * LIST + 14 * VALUE;
/// Room for constraints and tests, which no limit of a policy counts.
const OTHERS: usize = 32 * 1024 * 1024;

// Tokens of the TOML parser, which takes about 60 bytes for each: of a role with each member on a line of its own, of
// the definition of a permission, of a name on a line of a list, and of constraints and tests.
const ROLE_TOKENS: usize = 42;
const PERMISSION_TOKENS: usize = 6;
const NAME_TOKENS: usize = 5;
const OTHER_TOKENS: usize = 200_000;

/// The most memory that parsing a document may take, by an estimate from its text.
///
/// Set it for documents of people whom you do not trust with the memory of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseLimit {
    bytes: usize,
    tokens: usize,
}

impl ParseLimit {
    /// No limit except that of the nesting.
    pub const NONE: Self = Self {
        bytes: usize::MAX,
        tokens: usize::MAX,
    };

    /// Returns the limit that lets a policy of this many roles, permissions, permissions held by roles and inherited
    /// roles pass, with constraints and tests.
    #[must_use]
    pub const fn for_policy(roles: usize, permissions: usize, grants: usize, edges: usize) -> Self {
        let listed = grants.saturating_add(edges);
        let names = listed.saturating_add(permissions);
        Self {
            bytes: OTHERS
                .saturating_add(roles.saturating_mul(ROLE))
                .saturating_add(names.saturating_mul(VALUE)),
            tokens: OTHER_TOKENS
                .saturating_add(roles.saturating_mul(ROLE_TOKENS))
                .saturating_add(permissions.saturating_mul(PERMISSION_TOKENS))
                .saturating_add(listed.saturating_mul(NAME_TOKENS)),
        }
    }

    /// Checks a text in TOML.
    pub(super) fn check_toml(self, text: &str) -> Result<(), DocumentErrors> {
        let mut scale = Scale::new(self);
        for token in Source::new(text).lex() {
            scale
                .add_toml(token.kind())
                .map_err(|fault| fault.at(text, token.span().start()))?;
        }
        Ok(())
    }

    /// Checks a text in JSON that is about to be deserialized as an
    /// [`UncheckedDocument`](super::UncheckedDocument). Whether it is JSON is not checked.
    ///
    /// # Errors
    ///
    /// The position at which the document is nested too deeply or has become too large.
    ///
    /// ```
    /// use rolecall_core::document::ParseLimit;
    ///
    /// let limit = ParseLimit::for_policy(100, 100, 1000, 100);
    /// limit.check_json(r#"{"roles": {"reader": {}}}"#).unwrap();
    /// let errors = limit.check_json(&"[".repeat(100)).unwrap_err();
    /// assert_eq!(errors.to_string(), "line 1, column 9: a document is nested at most 8 levels deep");
    /// ```
    pub fn check_json(self, text: &str) -> Result<(), DocumentErrors> {
        let mut scale = Scale::new(self);
        let (mut in_string, mut is_escaped) = (false, false);
        for (offset, byte) in text.bytes().enumerate() {
            if in_string {
                in_string = is_escaped || byte != b'"';
                is_escaped = !is_escaped && byte == b'\\';
                continue;
            }
            in_string = byte == b'"';
            scale
                .add_json(byte)
                .map_err(|fault| fault.at(text, offset))?;
        }
        Ok(())
    }
}

/// The reason why a document is not parsed.
enum Fault {
    TooDeep,
    TooLarge,
}

impl Fault {
    fn at(&self, text: &str, offset: usize) -> DocumentErrors {
        let message = match self {
            Self::TooDeep => format!("a document is nested at most {MAX_DEPTH} levels deep"),
            Self::TooLarge => {
                "the document is too large: up to here it has more tables, lists and values than a \
                policy within the limits needs"
                    .to_owned()
            }
        };
        DocumentErrors(vec![DocumentError {
            path: Vec::new(),
            position: Some(Lines::position_in(text, offset)),
            kind: "too_large",
            message,
        }])
    }
}

struct Scale {
    left: ParseLimit,
    /// The brackets and braces that are open.
    open: usize,
    /// The dots of the key that is being read: each makes a table.
    dots: usize,
}

impl Scale {
    const fn new(limit: ParseLimit) -> Self {
        Self {
            left: limit,
            open: 0,
            dots: 0,
        }
    }

    fn add_toml(&mut self, kind: TokenKind) -> Result<(), Fault> {
        self.left.tokens = self.left.tokens.checked_sub(1).ok_or(Fault::TooLarge)?;
        match kind {
            TokenKind::Dot => {
                self.dots += 1;
                self.check_depth()?;
                return self.take(TABLE);
            }
            TokenKind::LeftCurlyBracket => self.enter(TABLE)?,
            TokenKind::LeftSquareBracket => self.enter(LIST)?,
            TokenKind::RightCurlyBracket | TokenKind::RightSquareBracket => self.leave(),
            TokenKind::Equals | TokenKind::Comma => self.take(VALUE)?,
            TokenKind::Newline => {}
            _ => return Ok(()),
        }
        self.dots = 0;
        Ok(())
    }

    fn add_json(&mut self, byte: u8) -> Result<(), Fault> {
        match byte {
            b'{' => self.enter(TABLE),
            b'[' => self.enter(LIST),
            b'}' | b']' => {
                self.leave();
                Ok(())
            }
            b':' | b',' => self.take(VALUE),
            _ => Ok(()),
        }
    }

    fn enter(&mut self, weight: usize) -> Result<(), Fault> {
        self.open += 1;
        self.dots = 0;
        self.check_depth()?;
        self.take(weight)
    }

    fn leave(&mut self) {
        self.open = self.open.saturating_sub(1);
    }

    fn check_depth(&self) -> Result<(), Fault> {
        if self.open + self.dots > MAX_DEPTH {
            return Err(Fault::TooDeep);
        }
        Ok(())
    }

    fn take(&mut self, weight: usize) -> Result<(), Fault> {
        self.left.bytes = self.left.bytes.checked_sub(weight).ok_or(Fault::TooLarge)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::document::Document;

    const LIMIT: ParseLimit = ParseLimit::for_policy(10_000, 20_000, 200_000, 50_000);

    const SMALL: ParseLimit = ParseLimit {
        bytes: 4096,
        tokens: 10,
    };

    fn refusal(text: &str) -> String {
        LIMIT.check_toml(text).unwrap_err().to_string()
    }

    #[test]
    fn y150_a_text_that_makes_many_tables_of_few_bytes_is_not_parsed() {
        const MIB: usize = 1024 * 1024;
        let mut dotted = String::new();
        let mut braces = String::new();
        let mut shallow = String::new();
        for number in 0.. {
            if dotted.len() > MIB {
                break;
            }
            let _ = writeln!(dotted, "x{number}.{}=1", ["a"; 75].join("."));
            let _ = writeln!(braces, "x{number} = {{a={{b={{c={{d=1}}}}}}}}");
            let _ = writeln!(braces, "y{number} = {{a={{b={{c={{d=1}}}}}}}}");
            let _ = writeln!(shallow, "x{number}.a.b.c.d.e.f=1");
        }
        assert_eq!(
            refusal(&dotted),
            "line 1, column 19: a document is nested at most 8 levels deep"
        );
        for text in [braces.repeat(9), shallow.repeat(8)] {
            assert!(text.len() <= 4 * MIB);
            assert!(refusal(&text).contains("too large"));
        }
        let many = |piece: &str| piece.repeat(4 * MIB / piece.len());
        for piece in [
            "\n",
            "[]\n",
            "x=[[1],[1]]\n",
            "a.b=1\n",
            ",",
            "=",
            "#\n",
            " #\n",
            "'\n",
            "a\n",
        ] {
            assert!(refusal(&many(piece)).contains("too large"), "{piece:?}");
        }
        for piece in ["{},", "[],", "1,", "\"a\":1,", "\"\\\"\":[1],"] {
            let text = format!("{{\"roles\":[{}]}}", many(piece));
            let refused = LIMIT.check_json(&text).unwrap_err();
            assert!(refused.to_string().contains("too large"), "{piece:?}");
        }
    }

    #[test]
    fn y150_punctuation_in_strings_and_comments_weighs_nothing() {
        let long = ".[{=,".repeat(10_000);
        for text in [
            format!("x = \"{long}\""),
            format!("x = '{long}'"),
            format!("x = \"\"\"{long}\n{long}\"\"\""),
            format!("x = '''{long}\n{long}'''"),
            format!("# {long}"),
            format!("\"{long}\" = 1"),
        ] {
            SMALL.check_toml(&text).unwrap();
        }
        let json = format!("{{\"a\\\"{long}\": \"{long}\\\\\"}}");
        SMALL.check_json(&json).unwrap();
        assert!(SMALL.check_json("{},{},{}").is_err());
    }

    #[test]
    fn y150_a_policy_at_the_limits_is_parsed_in_either_format() {
        let mut document = Document::parse("[permissions]").unwrap().document;
        for number in 0..100 {
            let permission = format!("items:p{number}").parse().unwrap();
            document.permissions.insert(permission, "x".to_owned());
        }
        for number in 0..500 {
            let mut role = crate::document::RoleEntry {
                description: "a role".to_owned(),
                approval: true,
                by_name: false,
                acr: crate::Acr::Phr,
                ..Default::default()
            };
            role.permissions = document
                .permissions
                .keys()
                .cloned()
                .map(Into::into)
                .collect();
            let juniors = (number + 1..500).take(5);
            role.juniors = juniors
                .map(|junior| format!("r{junior}").parse().unwrap())
                .collect();
            document
                .roles
                .insert(format!("r{number}").parse().unwrap(), role);
        }
        // without the room for constraints and tests
        let mut limit = ParseLimit::for_policy(500, 100, 50_000, 2_500);
        limit.bytes -= OTHERS;
        limit.tokens -= OTHER_TOKENS;
        limit.check_toml(&document.to_toml()).unwrap();
        let json = serde_json::to_string(&document).unwrap();
        limit.check_json(&json).unwrap();
        // the limit is not far away
        limit.bytes /= 2;
        assert!(limit.check_toml(&document.to_toml()).is_err());
        assert!(limit.check_json(&json).is_err());
    }

    #[test]
    fn y150_a_fault_names_line_and_column() {
        assert_eq!(
            refusal("[permissions]\nx = [[[[[[[[[1]]]]]]]]]"),
            "line 2, column 13: a document is nested at most 8 levels deep"
        );
        let errors = Document::parse("\u{e9} = 1\na.b.c.d.e.f.g.h.i.j = 1").unwrap_err();
        assert_eq!(
            errors.to_string(),
            "line 2, column 18: a document is nested at most 8 levels deep"
        );
    }
}
