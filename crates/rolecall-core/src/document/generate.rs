//! Code made from a document, so that a misspelt name in a guard does not compile.

use std::{
    collections::BTreeSet,
    fmt::{self, Write as _},
};

use super::Document;

/// How a name is written in the code.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Case {
    /// `ReadItems`
    Upper,
    /// `readItems`
    Lower,
}

struct Entry<'d> {
    identifier: String,
    name: &'d str,
    description: &'d str,
}

/// Names that the code has for something else.
const TAKEN: &[&str] = &["ALL", "Self"];

fn roles(document: &Document, case: Case) -> Vec<Entry<'_>> {
    let words = |name: &str| name.to_owned();
    let roles = document.roles.iter();
    entries(
        roles.map(|(name, entry)| (name.as_str(), entry.description.as_str())),
        case,
        words,
    )
}

fn permissions(document: &Document, case: Case) -> Vec<Entry<'_>> {
    // what is done to what: `items:read` is `ReadItems`
    let words = |name: &str| {
        let (object, operation) = name.split_once(':').unwrap_or((name, ""));
        format!("{operation}.{object}")
    };
    let permissions = document.permissions.iter();
    entries(
        permissions.map(|(name, description)| (name.as_str(), description.as_str())),
        case,
        words,
    )
}

fn entries<'d>(
    named: impl Iterator<Item = (&'d str, &'d str)>,
    case: Case,
    words: impl Fn(&str) -> String,
) -> Vec<Entry<'d>> {
    let mut taken: BTreeSet<String> = TAKEN.iter().map(|name| (*name).to_owned()).collect();
    let mut entries = Vec::new();
    for (name, description) in named {
        let plain = identifier(&words(name), case);
        // names that differ only in their dots would be one
        let mut identifier = plain.clone();
        let mut number = 2;
        while !taken.insert(identifier.clone()) {
            identifier = format!("{plain}_{number}");
            number += 1;
        }
        entries.push(Entry {
            identifier,
            name,
            description,
        });
    }
    entries
}

/// `a.b-c` as `ABC` or `aBC`; one that would begin with a digit gets an `N` before it.
fn identifier(words: &str, case: Case) -> String {
    let mut identifier = String::new();
    for word in words.split(|c: char| !c.is_ascii_alphanumeric()) {
        let mut letters = word.chars();
        if let Some(first) = letters.next() {
            if identifier.is_empty() && case == Case::Lower {
                identifier.push(first);
            } else {
                identifier.push(first.to_ascii_uppercase());
            }
            identifier.extend(letters);
        }
    }
    if identifier.starts_with(|c: char| c.is_ascii_digit()) {
        identifier.insert(0, if case == Case::Upper { 'N' } else { 'n' });
    }
    identifier
}

/// A module of roles and one of permissions, for `Require<role::Editor>` and `Require<may::ReadItems>`.
///
/// ```
/// # use rolecall_core::document::{Document, rust};
/// let parsed = Document::parse("[permissions]\n\"items:read\" = \"see items\"").unwrap();
/// assert!(rust(&parsed.document).contains("ReadItems = \"items:read\""));
/// ```
#[must_use]
pub fn rust(document: &Document) -> String {
    let mut text = String::from(
        "// Written by `rolecall policy rust`: change the policy and write it again.\n",
    );
    for (kind, doc, module, entries) in [
        ("roles", "The roles.", "role", roles(document, Case::Upper)),
        (
            "permissions",
            "The permissions.",
            "may",
            permissions(document, Case::Upper),
        ),
    ] {
        if entries.is_empty() {
            continue;
        }
        let _ = write!(
            text,
            "\nrolecall::{kind}! {{\n    /// {doc}\n    pub mod {module} {{\n"
        );
        for entry in entries {
            if !entry.description.is_empty() {
                let _ = writeln!(text, "        /// {}", RustDoc(entry.description));
            }
            let _ = writeln!(text, "        {} = \"{}\",", entry.identifier, entry.name);
        }
        text.push_str("    }\n}\n");
    }
    text
}

/// A description in which rustdoc sees no links and no HTML.
struct RustDoc<'d>(&'d str);

impl fmt::Display for RustDoc<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            if matches!(c, '[' | ']' | '<' | '>' | '`' | '\\') {
                f.write_char('\\')?;
            }
            f.write_char(c)?;
        }
        Ok(())
    }
}

const TYPESCRIPT: &str = r"
/** Somebody who is logged in: the answer of `/api/me`, or the claims of a token. */
export interface Holder {
  readonly roles?: readonly string[];
  readonly permissions?: readonly string[];
  readonly scope?: string;
}

/** Whether to show what needs a permission. The API decides: this only spares people a refusal. */
export function can(user: Holder | null | undefined, permission: Permission): boolean {
  const held = user?.permissions ?? user?.scope?.split(' ') ?? [];
  return held.includes(permission);
}

/** Whether somebody has a role, or one that inherits it. */
export function is(user: Holder | null | undefined, role: Role): boolean {
  return user?.roles?.includes(role) ?? false;
}
";

/// The names as constants and types, and `can()` for a user interface.
#[must_use]
pub fn typescript(document: &Document) -> String {
    let mut text = String::from(
        "// Written by `rolecall policy typescript`: change the policy and write it again.\n",
    );
    for (constant, kind, entries) in [
        (
            "permissions",
            "Permission",
            permissions(document, Case::Lower),
        ),
        ("roles", "Role", roles(document, Case::Lower)),
    ] {
        let _ = writeln!(text, "\nexport const {constant} = {{");
        for entry in entries {
            if !entry.description.is_empty() {
                // nothing in a description may end the comment
                let _ = writeln!(text, "  /** {} */", entry.description.replace("*/", "* /"));
            }
            let _ = writeln!(text, "  {}: '{}',", entry.identifier, entry.name);
        }
        let _ = writeln!(text, "}} as const;");
        let _ = writeln!(
            text,
            "export type {kind} = (typeof {constant})[keyof typeof {constant}];"
        );
    }
    text.push_str(TYPESCRIPT);
    text
}
