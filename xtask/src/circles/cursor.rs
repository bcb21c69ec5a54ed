//! Walks over the tokens of a source file.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// The segments of a path: `crate::a::B` or, for a name alone, one.
pub(super) type Names = Vec<String>;

/// Tokens, with a look at the next one.
pub(super) struct Cursor {
    rest: std::iter::Peekable<proc_macro2::token_stream::IntoIter>,
}

impl Iterator for Cursor {
    type Item = TokenTree;

    fn next(&mut self) -> Option<TokenTree> {
        self.rest.next()
    }
}

impl Cursor {
    pub(super) fn new(tokens: TokenStream) -> Self {
        Self {
            rest: tokens.into_iter().peekable(),
        }
    }

    pub(super) fn is_punct(&mut self, mark: char) -> bool {
        matches!(self.rest.peek(), Some(TokenTree::Punct(next)) if next.as_char() == mark)
    }

    pub(super) fn take_punct(&mut self, mark: char) -> bool {
        let is_next = self.is_punct(mark);
        if is_next {
            self.next();
        }
        is_next
    }

    pub(super) fn is_word(&mut self, words: &[&str]) -> bool {
        matches!(self.rest.peek(), Some(TokenTree::Ident(next)) if words.iter().any(|word| next == word))
    }

    pub(super) fn take_word(&mut self) -> Option<String> {
        let word = match self.rest.peek()? {
            TokenTree::Ident(word) => word.to_string(),
            _ => return None,
        };
        self.next();
        Some(word)
    }

    pub(super) fn take_group(&mut self, delimiter: Delimiter) -> Option<Group> {
        let group = match self.rest.peek()? {
            TokenTree::Group(group) if group.delimiter() == delimiter => group.clone(),
            _ => return None,
        };
        self.next();
        Some(group)
    }

    /// Takes the rest of a path that begins with `first`.
    pub(super) fn path(&mut self, first: String) -> Names {
        let mut path = vec![first];
        while self.take_punct(':') {
            // one colon alone stands before a type
            if !self.take_punct(':') {
                break;
            }
            match self.take_word() {
                Some(word) => path.push(word),
                None => break,
            }
        }
        path
    }

    /// Skips the `(crate)` or `(in path)` of a visibility, not the type of a field.
    pub(super) fn skip_restriction(&mut self) {
        let is_restriction = match self.rest.peek() {
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis => {
                Cursor::new(group.stream()).is_word(&["crate", "in", "self", "super"])
            }
            _ => false,
        };
        if is_restriction {
            self.next();
        }
    }

    /// Skips the item, field, arm or statement that follows an attribute.
    pub(super) fn skip_item(&mut self) {
        let mut ends_with_semicolon = false;
        let mut ends_with_comma = true;
        for token in self.by_ref() {
            match token {
                TokenTree::Ident(word) => match word.to_string().as_str() {
                    "use" | "const" | "static" | "type" | "let" => ends_with_semicolon = true,
                    "fn" => (ends_with_semicolon, ends_with_comma) = (false, false),
                    "struct" | "enum" | "impl" | "trait" => ends_with_comma = false,
                    _ => {}
                },
                TokenTree::Group(group)
                    if group.delimiter() == Delimiter::Brace && !ends_with_semicolon =>
                {
                    return;
                }
                TokenTree::Punct(mark) if mark.as_char() == ';' => return,
                TokenTree::Punct(mark)
                    if mark.as_char() == ',' && ends_with_comma && !ends_with_semicolon =>
                {
                    return;
                }
                _ => {}
            }
        }
    }
}
