//! A matcher, as far as it is a list of comparisons that must all hold.

use crate::policy::import::quoted;

/// One condition of a matcher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Term {
    /// `left == right`.
    Equal(Operand, Operand),
    /// `g(r.sub, p.sub)` and the like.
    Link(String, Vec<Operand>),
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

/// Longer matchers are refused.
const MAX_TOKENS: usize = 200;
const SIGNS: [&str; 17] = [
    "&&", "||", "==", "!=", "<=", ">=", "(", ")", ",", "!", "<", ">", "+", "-", "*", "/", "?",
];

/// The conditions, all of which must hold.
///
/// # Errors
///
/// Why the matcher is something else.
pub(super) fn terms(text: &str) -> Result<Vec<Term>, String> {
    let tokens = tokens(text)?;
    if tokens.contains(&Token::Sign("||")) || has_word(&tokens, "or") {
        return Err("`||` lets somebody in by another way than roles".to_owned());
    }
    let mut parser = Parser {
        tokens: &tokens,
        open: 0,
    };
    let mut terms = Vec::new();
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
            return Err("the matcher is too long".to_owned());
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
                .ok_or_else(|| "a text in the matcher has no end".to_owned())?;
            tokens.push(Token::Text(text.to_owned()));
            rest = behind;
        } else if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            tokens.push(Token::Sign(sign));
            rest = rest.strip_prefix(sign).unwrap_or_default();
        } else {
            return Err(format!(
                "{} is not known in a matcher",
                quoted(&first.to_string())
            ));
        }
        rest = rest.trim_start();
    }
    Ok(tokens)
}

struct Parser<'t> {
    tokens: &'t [Token],
    /// Brackets around conditions: all are joined by `&&`, so that these change nothing.
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
                format!("a condition on {} is no rule about roles", quoted(text))
            }
            Some(Token::Word(word)) if word == "in" => {
                "`in` compares with a list: only `==` is taken".to_owned()
            }
            Some(Token::Word(word)) => format!("{} is not expected here", quoted(word)),
            Some(Token::Sign("!" | "!=" | "<" | ">" | "<=" | ">=" | "?")) => {
                "only `==` and `&&` are taken".to_owned()
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
            return Err(reason_against(name));
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
                    "{} asks for an attribute: rolecall knows names",
                    quoted(word)
                ));
            }
            _ => {
                return Err(format!(
                    "{} is no member of the request or of the rule",
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

fn reason_against(function: &str) -> String {
    let what = match function {
        name if name.starts_with("keyMatch") || name.starts_with("keyGet") => "matches patterns",
        "regexMatch" | "globMatch" => "matches patterns",
        "ipMatch" => "matches addresses",
        "eval" => "runs rules that stand in the policy",
        _ => "is not a role or resource role, `g` or `g2`",
    };
    format!(
        "function {} {what}: only `g`, `g2` and `==` are taken",
        quoted(function)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_list_of_comparisons_is_refused_with_the_reason() {
        for (matcher, reason) in [
            (
                "r.sub == p.sub || r.sub == \"root\"",
                "`||` lets somebody in",
            ),
            (
                "g(r.sub, p.sub) && keyMatch(r.obj, p.obj)",
                "`keyMatch` matches patterns",
            ),
            (
                "g(r.sub, p.sub) && regexMatch(r.act, p.act)",
                "`regexMatch` matches patterns",
            ),
            ("eval(p.sub_rule) && r.obj == p.obj", "runs rules"),
            (
                "r.sub == r.obj.Owner",
                "`r.obj.Owner` asks for an attribute",
            ),
            ("r.obj in ('data2', 'data3')", "`in` compares with a list"),
            ("r.sub == \"root\"", "a condition on `root`"),
            ("!g(r.sub, p.sub)", "only `==` and `&&`"),
            ("r.sub != p.sub", "only `==` and `&&`"),
            ("(r.sub == p.sub", "ends too early"),
            ("r.sub == p.sub)", "`)` is not expected"),
            ("r.sub == p.sub &&", "ends too early"),
            ("", "ends too early"),
            ("r.sub == 1", "`1` is no member"),
            ("r.sub == 'a", "has no end"),
            ("r.sub = p.sub", "`=` is not known"),
        ] {
            let found = terms(matcher).unwrap_err();
            assert!(found.contains(reason), "{matcher}: {found}");
        }
    }

    #[test]
    fn brackets_around_what_must_all_hold_change_nothing() {
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
        fn no_text_makes_it_panic(text in "[rpg2.subojact()&|=!,\"' ]{0,60}|.{0,60}") {
            let _ = terms(&text);
        }
    }
}
