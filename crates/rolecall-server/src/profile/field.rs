//! The declaration of one profile field.

use std::{fmt, str::FromStr};

use super::pattern::Pattern;

/// The greatest length of a text unless the declaration sets another, in characters.
const DEFAULT_LENGTH: usize = 200;
/// Addresses of pictures are longer than names.
const DEFAULT_URL_LENGTH: usize = 500;

/// A member that your application adds to its users: a display name, a department, a plan.
///
/// By default the user and administrators may read and write it. Values appear as `profile` in `/api/me` and in
/// `/api/users`, and in access tokens if the field is a [claim](Self::claim).
///
/// ```
/// use rolecall_server::{Embedded, FieldAccess, ProfileField};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), rolecall_server::StartError> {
/// let login = Embedded::builder("sqlite::memory:")
///     .profile_field(ProfileField::string("name").max_length(60).required())
///     .profile_field(ProfileField::choice("plan", ["free", "pro"]).write(FieldAccess::Admin).claim())
///     .open()
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct ProfileField {
    pub(crate) name: String,
    pub(crate) kind: FieldKind,
    pub(crate) read: FieldAccess,
    pub(crate) write: FieldAccess,
    pub(crate) required: bool,
    pub(crate) claim: Option<String>,
    /// The texts that are accepted, among those that fit the type.
    pub(crate) pattern: Option<Pattern>,
    /// The answer to a text that does not match the pattern.
    pub(crate) pattern_message: Option<String>,
}

/// The type of a field, with its bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FieldKind {
    /// A line of text.
    String { max_length: usize },
    /// A decimal number.
    Number,
    /// A whole number.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// A day, `2030-01-31`.
    Date,
    /// An absolute http or https address.
    Url { max_length: usize },
    /// One of a list of texts.
    Enum { values: Vec<String> },
}

impl FieldKind {
    /// The words for types in a configuration.
    pub(crate) const WORDS: [&'static str; 7] = [
        "string", "number", "integer", "boolean", "date", "url", "enum",
    ];

    /// Returns the type without its bounds, as a configuration names it.
    pub(crate) fn of(word: &str) -> Option<Self> {
        Some(match word {
            "string" => Self::String {
                max_length: DEFAULT_LENGTH,
            },
            "number" => Self::Number,
            "integer" => Self::Integer,
            "boolean" => Self::Boolean,
            "date" => Self::Date,
            "url" => Self::Url {
                max_length: DEFAULT_URL_LENGTH,
            },
            "enum" => Self::Enum { values: Vec::new() },
            _ => return None,
        })
    }

    /// Returns the name of the type in a configuration.
    pub(crate) const fn word(&self) -> &'static str {
        match self {
            Self::String { .. } => "string",
            Self::Number => "number",
            Self::Integer => "integer",
            Self::Boolean => "boolean",
            Self::Date => "date",
            Self::Url { .. } => "url",
            Self::Enum { .. } => "enum",
        }
    }

    /// Returns the greatest length of a text; `None` for types without one.
    pub(crate) const fn max_length(&self) -> Option<usize> {
        match self {
            Self::String { max_length } | Self::Url { max_length } => Some(*max_length),
            _ => None,
        }
    }
}

/// The people who may read or write a profile field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum FieldAccess {
    /// The user, and administrators with `rolecall.users:read` or `rolecall.users:write`.
    #[default]
    Owner,
    /// Only administrators.
    Admin,
    /// Nobody over the API: only the command line and the code that embeds the server.
    Nobody,
}

impl FieldAccess {
    /// The words for it in a configuration.
    pub(crate) const WORDS: [&'static str; 3] = ["self", "admin", "nobody"];
}

impl fmt::Display for FieldAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Owner => "self",
            Self::Admin => "admin",
            Self::Nobody => "nobody",
        })
    }
}

impl FromStr for FieldAccess {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        match word {
            "self" => Ok(Self::Owner),
            "admin" => Ok(Self::Admin),
            "nobody" => Ok(Self::Nobody),
            _ => Err(()),
        }
    }
}

impl ProfileField {
    /// Declares a line of text, of at most 200 characters unless [`max_length`](Self::max_length) sets another bound.
    pub fn string(name: &str) -> Self {
        Self::with(
            name,
            FieldKind::String {
                max_length: DEFAULT_LENGTH,
            },
        )
    }

    /// Declares a decimal number of at most 15 digits.
    pub fn number(name: &str) -> Self {
        Self::with(name, FieldKind::Number)
    }

    /// Declares a whole number between -(2^53 - 1) and 2^53 - 1, which every JSON parser reads exactly.
    pub fn integer(name: &str) -> Self {
        Self::with(name, FieldKind::Integer)
    }

    /// Declares a switch.
    pub fn boolean(name: &str) -> Self {
        Self::with(name, FieldKind::Boolean)
    }

    /// Declares a day, such as `2030-01-31`.
    pub fn date(name: &str) -> Self {
        Self::with(name, FieldKind::Date)
    }

    /// Declares an absolute http or https address, of at most 500 characters.
    pub fn url(name: &str) -> Self {
        Self::with(
            name,
            FieldKind::Url {
                max_length: DEFAULT_URL_LENGTH,
            },
        )
    }

    /// Declares a text that is one of `values`.
    pub fn choice<V: Into<String>>(name: &str, values: impl IntoIterator<Item = V>) -> Self {
        let values = values.into_iter().map(Into::into).collect();
        Self::with(name, FieldKind::Enum { values })
    }

    pub(crate) fn with(name: &str, kind: FieldKind) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            read: FieldAccess::default(),
            write: FieldAccess::default(),
            required: false,
            claim: None,
            pattern: None,
            pattern_message: None,
        }
    }

    /// Sets the greatest length of a text or address in characters. Other types have no length.
    pub fn max_length(mut self, characters: usize) -> Self {
        if let FieldKind::String { max_length } | FieldKind::Url { max_length } = &mut self.kind {
            *max_length = characters;
        }
        self
    }

    /// Sets a pattern that the whole of a text or address must match, such as `[A-Z]{2}\d{4}`.
    ///
    /// It has at most 200 characters of the syntax that JSON Schema and the crate `regex` share: literals, `.`, classes,
    /// `\d`, `\w`, `\s`, `\p{..}`, groups, `|` and repetitions. One that cannot be used stops the start. Values that were
    /// stored before stay readable.
    ///
    /// ```
    /// use rolecall_server::ProfileField;
    ///
    /// let plate = ProfileField::string("plate")
    ///     .pattern(r"[A-Z]{2}\d{4}")
    ///     .pattern_message("expected two capital letters and four digits, such as `AB1234`");
    /// ```
    pub fn pattern(mut self, pattern: &str) -> Self {
        self.pattern = Some(Pattern::new(pattern));
        self
    }

    /// Sets the message for texts that do not match the [`pattern`](Self::pattern), for people: 1 to 200 characters.
    pub fn pattern_message(mut self, message: &str) -> Self {
        self.pattern_message = Some(message.to_owned());
        self
    }

    /// Sets who may read the field: the user and administrators by default. Others do not write it either.
    pub fn read(mut self, access: FieldAccess) -> Self {
        self.read = access;
        self.write = self.write.max(access);
        self
    }

    /// Sets who may write the field: by default, who may read it. Nobody may write what they may not read.
    pub fn write(mut self, access: FieldAccess) -> Self {
        self.write = access;
        self
    }

    /// Requires the field from users who register themselves.
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// Writes the field into access tokens, as a claim with the name of the field.
    pub fn claim(self) -> Self {
        let name = self.name.clone();
        self.claim_as(&name)
    }

    /// Writes the field into access tokens, as a claim with this name, such as `https://example.com/department`.
    pub fn claim_as(mut self, claim: &str) -> Self {
        self.claim = Some(claim.to_owned());
        self
    }
}
