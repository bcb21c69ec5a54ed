//! The parser for matchers, which must be a list of comparisons that all hold.

use crate::source::quoted;

/// One condition of a matcher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Term {
    /// `left == right`.
    Equal(Operand, Operand),
    /// A call such as `g(r.sub, p.sub)`.
    Link(String, Vec<Operand>),
    /// The value `*` of this member of the rule equals every value of the request.
    Any(String),
}

/// A member of the request or of the rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Operand {
    Request(String),
    Rule(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Text(String),
    Sign(&'static str),
}

/// Longer matchers are rejected.
const MAX_TOKENS: usize = 200;
const SIGNS: [&str; 17] = [
    "&&", "||", "==", "!=", "<=", ">=", "(", ")", ",", "!", "<", ">", "+", "-", "*", "/", "?",
];

/// Returns the conditions, all of which must hold.
///
/// # Errors
///
/// The reason why the matcher is not such a list.
pub(super) fn terms(text: &str) -> Result<Vec<Term>, String> {
    let (tokens, any) = without_wildcards(&tokens(text)?);
    if tokens.contains(&Token::Sign("||")) || has_word(&tokens, "or") {
        return Err(
            "`||` allows access by other means than roles; only `&&` is supported".to_owned(),
        );
    }
    let mut parser = Parser {
        tokens: &tokens,
        open: 0,
    };
    let mut terms: Vec<Term> = any.into_iter().map(Term::Any).collect();
    loop {
        terms.push(parser.term()?);
        while parser.open > 0 && parser.take(")") {
            parser.open -= 1;
        }
        if parser.tokens.is_empty() && parser.open == 0 {
            return Ok(terms);
        }
        if !parser.take("&&") {
            return Err(parser.unexpected());
        }
    }
}

/// Replaces each `(r.act == p.act || p.act == "*")` by `(r.act == p.act)`, and returns the members that may be `*`.
fn without_wildcards(tokens: &[Token]) -> (Vec<Token>, Vec<String>) {
    let (mut kept, mut any) = (Vec::new(), Vec::new());
    let mut rest = tokens;
    while let [first, behind @ ..] = rest {
        let [
            Token::Sign("("),
            a,
            Token::Sign("=="),
            b,
            Token::Sign("||"),
            c,
            Token::Sign("=="),
            d,
            Token::Sign(")"),
            after @ ..,
        ] = rest
        else {
            kept.push(first.clone());
            rest = behind;
            continue;
        };
        let found = wildcard(a, b)
            .map(|member| (member, [c, d]))
            .or_else(|| wildcard(c, d).map(|member| (member, [a, b])));
        // the member must be the one that the other side compares
        let found = found.filter(|(member, sides)| {
            let name = Token::Word(format!("p.{member}"));
            sides.iter().any(|side| **side == name)
        });
        let Some((member, [left, right])) = found else {
            kept.push(first.clone());
            rest = behind;
            continue;
        };
        let equal = ["(", "==", ")"].map(Token::Sign);
        let [open, sign, close] = equal;
        kept.extend([open, left.clone(), sign, right.clone(), close]);
        any.push(member);
        rest = after;
    }
    (kept, any)
}

/// Returns the member of the rule that is compared with `"*"`.
fn wildcard(one: &Token, other: &Token) -> Option<String> {
    match (one, other) {
        (Token::Word(word), Token::Text(text)) | (Token::Text(text), Token::Word(word))
            if text == "*" =>
        {
            Some(word.strip_prefix("p.")?.to_owned())
        }
        _ => None,
    }
}

fn has_word(tokens: &[Token], word: &str) -> bool {
    tokens
        .iter()
        .any(|token| *token == Token::Word(word.to_owned()))
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        if tokens.len() == MAX_TOKENS {
            return Err(format!(
                "the matcher has more than {MAX_TOKENS} words and signs"
            ));
        }
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
        if is_word(first) {
            let word = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            let (word, behind) = rest.split_at(word);
            tokens.push(Token::Word(word.to_owned()));
            rest = behind;
        } else if first == '"' || first == '\'' {
            let inner = rest.strip_prefix(first).unwrap_or_default();
            let (text, behind) = inner
                .split_once(first)
                .ok_or_else(|| "a string in the matcher is not closed".to_owned())?;
            tokens.push(Token::Text(text.to_owned()));
            rest = behind;
        } else if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            tokens.push(Token::Sign(sign));
            rest = rest.strip_prefix(sign).unwrap_or_default();
        } else {
            return Err(format!(
                "{} is not supported in a matcher",
                quoted(&first.to_string())
            ));
        }
        rest = rest.trim_start();
    }
    Ok(tokens)
}

struct Parser<'t> {
    tokens: &'t [Token],
    /// Open parentheses around conditions. They change nothing, since all conditions are joined by `&&`.
    open: usize,
}

impl Parser<'_> {
    fn take(&mut self, sign: &'static str) -> bool {
        match self.tokens.split_first() {
            Some((Token::Sign(found), rest)) if *found == sign => {
                self.tokens = rest;
                true
            }
            _ => false,
        }
    }

    fn unexpected(&self) -> String {
        match self.tokens.first() {
            None => "the matcher ends too early".to_owned(),
            Some(Token::Text(text)) => {
                format!("a condition on {} is not about roles", quoted(text))
            }
            Some(Token::Word(word)) if word == "in" => {
                "`in` compares with a list; only `==` is supported".to_owned()
            }
            Some(Token::Word(word)) => format!("{} is not expected here", quoted(word)),
            Some(Token::Sign("!" | "!=" | "<" | ">" | "<=" | ">=" | "?")) => {
                "only `==` and `&&` are supported".to_owned()
            }
            Some(Token::Sign(sign)) => format!("`{sign}` is not expected here"),
        }
    }

    fn term(&mut self) -> Result<Term, String> {
        while self.take("(") {
            self.open += 1;
        }
        if let [Token::Word(name), Token::Sign("("), rest @ ..] = self.tokens {
            self.tokens = rest;
            return self.link(name);
        }
        let left = self.operand()?;
        if !self.take("==") {
            return Err(self.unexpected());
        }
        Ok(Term::Equal(left, self.operand()?))
    }

    fn link(&mut self, name: &str) -> Result<Term, String> {
        if name != "g" && name != "g2" {
            return Err(unsupported_function(name));
        }
        let mut operands = Vec::new();
        loop {
            operands.push(self.operand()?);
            if self.take(")") {
                return Ok(Term::Link(name.to_owned(), operands));
            }
            if !self.take(",") {
                return Err(self.unexpected());
            }
        }
    }

    fn operand(&mut self) -> Result<Operand, String> {
        let Some((Token::Word(word), rest)) = self.tokens.split_first() else {
            return Err(self.unexpected());
        };
        let operand = match word.split_once('.') {
            Some(("r", name)) if is_plain(name) => Operand::Request(name.to_owned()),
            Some(("p", name)) if is_plain(name) => Operand::Rule(name.to_owned()),
            Some(("r" | "p", _)) => {
                return Err(format!(
                    "{} reads an attribute; rolecall only compares names",
                    quoted(word)
                ));
            }
            _ => {
                return Err(format!(
                    "{} is not a member of the request `r` or of the rule `p`",
                    quoted(word)
                ));
            }
        };
        self.tokens = rest;
        Ok(operand)
    }
}

fn is_plain(name: &str) -> bool {
    !name.is_empty() && !name.contains('.')
}

/// Returns the reason why a function is not supported.
fn unsupported_function(function: &str) -> String {
    let reason = match function {
        name if name.starts_with("keyMatch") || name.starts_with("keyGet") => "matches patterns",
        "regexMatch" | "globMatch" => "matches patterns",
        "ipMatch" => "matches addresses",
        "eval" => "evaluates rules from the policy",
        _ => "is not a role or resource role, `g` or `g2`",
    };
    format!(
        "function {} {reason}; only `g`, `g2` and `==` are supported",
        quoted(function)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anything_but_a_list_of_comparisons_is_rejected_with_the_reason() {
        for (matcher, reason) in [
            ("r.sub == p.sub || r.sub == \"root\"", "`||` allows access"),
            (
                "g(r.sub, p.sub) && keyMatch(r.obj, p.obj)",
                "`keyMatch` matches patterns",
            ),
            (
                "g(r.sub, p.sub) && regexMatch(r.act, p.act)",
                "`regexMatch` matches patterns",
            ),
            ("eval(p.sub_rule) && r.obj == p.obj", "evaluates rules"),
            ("r.sub == r.obj.Owner", "`r.obj.Owner` reads an attribute"),
            ("r.obj in ('data2', 'data3')", "`in` compares with a list"),
            ("r.sub == \"root\"", "a condition on `root`"),
            ("!g(r.sub, p.sub)", "only `==` and `&&`"),
            ("r.sub != p.sub", "only `==` and `&&`"),
            ("(r.sub == p.sub", "ends too early"),
            ("r.sub == p.sub)", "`)` is not expected"),
            ("r.sub == p.sub &&", "ends too early"),
            ("", "ends too early"),
            ("r.sub == 1", "`1` is not a member"),
            ("r.sub == 'a", "is not closed"),
            ("r.sub = p.sub", "`=` is not supported"),
        ] {
            let found = terms(matcher).unwrap_err();
            assert!(found.contains(reason), "{matcher}: {found}");
        }
    }

    #[test]
    fn a_wildcard_is_a_comparison_with_a_member_that_may_be_any_value() {
        let any = Term::Any("act".to_owned());
        let rest = terms("g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act").unwrap();
        let expected: Vec<Term> = std::iter::once(any).chain(rest).collect();
        for matcher in [
            "g(r.sub, p.sub) && r.obj == p.obj && (r.act == p.act || p.act == \"*\")",
            "g(r.sub, p.sub) && r.obj == p.obj && (p.act == '*' || r.act == p.act)",
            "g(r.sub, p.sub) && (r.obj == p.obj && ('*' == p.act || r.act == p.act))",
        ] {
            assert_eq!(terms(matcher).as_ref(), Ok(&expected), "{matcher}");
        }
        for matcher in [
            "r.obj == p.obj && r.act == p.act || p.act == \"*\"",
            "(r.act == p.act || p.obj == \"*\")",
            "(r.act == p.act || r.act == \"*\")",
            "(r.act == p.act || p.act == \"any\")",
            "(r.act == p.act || p.act == \"*\" || r.sub == \"root\")",
        ] {
            let reason = terms(matcher).unwrap_err();
            assert!(reason.contains("`||` allows access"), "{matcher}: {reason}");
        }
    }

    #[test]
    fn parentheses_around_conditions_change_nothing() {
        let plain = terms("g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act").unwrap();
        for same in [
            "(g(r.sub,p.sub)&&(r.obj==p.obj))&&r.act==p.act",
            "((g(r.sub, p.sub)) && (r.obj == p.obj && (r.act == p.act)))",
        ] {
            assert_eq!(terms(same).as_ref(), Ok(&plain), "{same}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "[rpg2.subojact()&|=!,\"' ]{0,60}|.{0,60}") {
            let _ = terms(&text);
        }
    }
}
