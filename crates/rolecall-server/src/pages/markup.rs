//! The tags of a page that a template has written. A page runs no script but our own: browsers enforce it, and a template
//! that tries otherwise is refused, since it would not work.

use std::{iter::Peekable, str::Chars};

/// A value that tries to become an attribute or a tag. Where a template puts it into quotation marks, it cannot.
pub(super) const HOSTILE: &str = "x onprobe=1 '\"><probe>&";

/// The tags that load something which the policy of the pages forbids.
const FORBIDDEN: [&str; 6] = ["style", "iframe", "object", "embed", "base", "applet"];
/// The attributes that are addresses.
const ADDRESSES: [&str; 5] = ["href", "src", "action", "formaction", "data"];

/// Returns what is wrong with the tags of a page; `base` is the path below which our own files are.
pub(super) fn faults(html: &str, base: &str) -> Vec<String> {
    tags(html)
        .iter()
        .filter_map(|tag| fault(tag, base))
        .collect()
}

/// A tag that begins an element.
pub(super) struct Tag {
    pub(super) name: String,
    attributes: Vec<(String, String)>,
}

impl Tag {
    /// Returns the value of an attribute.
    pub(super) fn value(&self, attribute: &str) -> Option<&str> {
        let mut attributes = self.attributes.iter();
        let found = attributes.find(|(name, _)| name == attribute);
        found.map(|(_, value)| value.as_str())
    }
}

fn fault(tag: &Tag, base: &str) -> Option<String> {
    let Tag { name, attributes } = tag;
    let has = |wanted: &str| attributes.iter().any(|(name, _)| name == wanted);
    if name.starts_with("probe") || has("onprobe") {
        return Some(format!(
            "a value in `<{name}>` stands outside quotation marks, where it could become a part of the tag: write `name=\"{{{{ value }}}}\"`"
        ));
    }
    if name == "script" {
        let source = attributes.iter().find(|(name, _)| name == "src");
        let own = format!("{base}/pages/");
        if !source.is_some_and(|(_, source)| source.starts_with(&own)) {
            let text = "`<script>` is not run: the pages have no script but their own, such as `passkeys.js`";
            return Some(text.to_owned());
        }
    }
    if FORBIDDEN.contains(&name.as_str()) {
        return Some(format!(
            "`<{name}>` has no effect on these pages; remove it"
        ));
    }
    let wrong = attributes.iter().find(|(name, value)| {
        let address = value.trim_start().to_ascii_lowercase();
        let is_script = address.starts_with("javascript:") && ADDRESSES.contains(&name.as_str());
        name.starts_with("on") || name == "style" || is_script
    });
    wrong.map(|(attribute, _)| {
        format!("`{attribute}` in `<{name}>` is neither run nor applied on these pages; remove it")
    })
}

/// Returns the tags that begin an element, as a browser reads them.
pub(super) fn tags(html: &str) -> Vec<Tag> {
    let mut tags = Vec::new();
    let mut rest = html;
    while let Some((_, after)) = rest.split_once('<') {
        rest = after;
        if let Some(comment) = rest.strip_prefix("!--") {
            rest = comment.split_once("-->").map_or("", |(_, after)| after);
        } else if rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
            let mut chars = rest.chars().peekable();
            tags.push(tag(&mut chars));
            rest = rest
                .get(rest.len() - chars.map(char::len_utf8).sum::<usize>()..)
                .unwrap_or("");
        }
    }
    tags
}

fn tag(chars: &mut Peekable<Chars<'_>>) -> Tag {
    let ends_name = |c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>');
    let name = take_until(chars, ends_name);
    let mut attributes = Vec::new();
    loop {
        take_until(chars, |c| !c.is_ascii_whitespace() && c != '/');
        match chars.peek() {
            None => break,
            Some('>') => {
                chars.next();
                break;
            }
            Some(_) => attributes.push(attribute(chars)),
        }
    }
    Tag {
        name: name.to_ascii_lowercase(),
        attributes,
    }
}

fn attribute(chars: &mut Peekable<Chars<'_>>) -> (String, String) {
    // a name can begin with an equals sign
    let mut name: String = chars.next().into_iter().collect();
    let ends_name = |c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>' | '=');
    name.push_str(&take_until(chars, ends_name));
    let name = name.to_ascii_lowercase();
    take_until(chars, |c| !c.is_ascii_whitespace());
    if chars.next_if_eq(&'=').is_none() {
        return (name, String::new());
    }
    take_until(chars, |c| !c.is_ascii_whitespace());
    let value = match chars.next_if(|c| matches!(c, '"' | '\'')) {
        Some(quote) => {
            let value = take_until(chars, |c| c == quote);
            chars.next();
            value
        }
        None => take_until(chars, |c| c.is_ascii_whitespace() || c == '>'),
    };
    // templates escape slashes too
    (name, value.replace("&#x2f;", "/"))
}

fn take_until(chars: &mut Peekable<Chars<'_>>, ends: impl Fn(char) -> bool) -> String {
    let mut taken = String::new();
    while let Some(c) = chars.next_if(|c| !ends(*c)) {
        taken.push(c);
    }
    taken
}

#[cfg(test)]
mod tests {
    use minijinja::HtmlEscape;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn harmless_pages_have_no_fault() {
        for html in [
            "<!doctype html><p class=\"a\">on x=1, 1 < 2</p><br/>",
            "<script src=\"/auth/pages/form-post.js?v=1\" defer></script>",
            "<script src=\"&#x2f;auth/pages/form-post.js?v=1\" defer></script>",
            "<!-- <p onclick=x> --><a href='https://x.example/javascript:'>x</a>",
            "<input name=x value='a onclick=b' required>",
            "<p",
            "<p class=\"never ends",
            "",
        ] {
            assert_eq!(faults(html, "/auth"), Vec::<String>::new(), "{html}");
        }
    }

    #[test]
    fn script_and_style_in_a_page_are_found() {
        for html in [
            "<script>alert(1)</script>",
            "<SCRIPT SRC='https://evil.example/x.js'>",
            "<script src=/auth/other.js>",
            "<p onclick='x'>",
            "<p\nONLOAD = x>",
            "<img/onerror=x src=y>",
            "<p style=\"color: red\">",
            "<style>p { }</style>",
            "<a href=' JavaScript:x'>",
            "<form action=javascript:x>",
            "<iframe src=x>",
            "<base href=x>",
            "<p title=\"a\"onclick=x>",
            "<!-- --><p onclick=x>",
        ] {
            assert_eq!(faults(html, "/auth").len(), 1, "{html}");
        }
    }

    #[test]
    fn a_value_outside_quotation_marks_is_found() {
        let escaped = HtmlEscape(HOSTILE).to_string();
        for html in [
            format!("<input value={escaped}>"),
            format!("<p {escaped}>"),
            format!("<p>{HOSTILE}</p>"),
        ] {
            let found = faults(&html, "");
            assert!(
                found[0].contains("outside quotation marks"),
                "{html}: {found:?}"
            );
        }
        for html in [
            format!("<input value=\"{escaped}\">"),
            format!("<input value='{escaped}'>{escaped}"),
        ] {
            assert_eq!(faults(&html, ""), Vec::<String>::new(), "{html}");
        }
    }

    proptest! {
        #[test]
        fn no_escaped_value_becomes_a_tag_or_an_attribute(value in "[ -~]{0,40}") {
            let escaped = HtmlEscape(&value).to_string();
            let html = format!("<p title=\"{escaped}\">{escaped}</p>");
            prop_assert_eq!(faults(&html, ""), Vec::<String>::new());
            prop_assert_eq!(tags(&html).len(), 1);
        }

        #[test]
        fn any_text_is_read_to_its_end(html in ".{0,80}") {
            let _ = faults(&html, "");
        }
    }
}
