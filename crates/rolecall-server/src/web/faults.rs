//! Errors of bodies, queries and paths: each names the member that is wrong.

use crate::error::{ApiError, FieldError, Place, excerpt};

/// The members and places that lead to the fault; places in a list are numbers. Names that no member has are
/// the client's own: as much is quoted of them as of any hostile text.
pub(super) fn path_of(path: &serde_path_to_error::Path) -> Vec<Place> {
    use serde_path_to_error::Segment;
    path.iter()
        .filter_map(|segment| match segment {
            Segment::Seq { index } => Some(Place::Index(*index)),
            Segment::Map { key } => Some(Place::Member(excerpt(key))),
            Segment::Enum { variant } => Some(Place::Member(excerpt(variant))),
            Segment::Unknown => None,
        })
        .collect()
}

/// Removes the position that serde adds; a client needs the member instead.
pub(super) fn without_position(message: &str) -> String {
    message
        .split(" at line ")
        .next()
        .unwrap_or(message)
        .to_owned()
}

/// An error of a member. serde names a missing or unknown one only in its message.
pub(super) fn invalid(place: &str, mut path: Vec<Place>, message: &str) -> ApiError {
    let named = named_in(message).map(|name| Place::Member(excerpt(name)));
    let kind = if message.starts_with("missing field") {
        path.extend(named);
        "missing"
    } else if message.starts_with("unknown field") {
        if path.last() != named.as_ref() {
            path.extend(named);
        }
        "extra_forbidden"
    } else if message.starts_with("duplicate field") {
        if path.last() != named.as_ref() {
            path.extend(named);
        }
        "duplicate"
    } else if message.starts_with("invalid type") || message.starts_with("invalid length") {
        "type_error"
    } else {
        "value_error"
    };
    let msg = match kind {
        "missing" => "this member is required".to_owned(),
        "extra_forbidden" => "this member is not known".to_owned(),
        "duplicate" => "this member appears twice".to_owned(),
        // serde quotes what it found, which may be a password in the wrong place
        "type_error" => expected(message),
        _ => message
            .chars()
            .filter(|c| !c.is_control())
            .take(300)
            .collect(),
    };
    let shown: Vec<String> = path.iter().map(ToString::to_string).collect();
    let at = if shown.is_empty() {
        place.to_owned()
    } else {
        shown.join(".")
    };
    let detail = format!("{at}: {msg}");
    let loc = std::iter::once(Place::from(place)).chain(path).collect();
    ApiError::Invalid(FieldError {
        loc,
        msg: detail,
        kind,
        reason: None,
    })
}

/// Returns what serde expected, without the value it found and without the names of our types.
fn expected(message: &str) -> String {
    match message.rsplit_once(", expected ") {
        Some((_, expected)) if expected.starts_with("struct ") => "expected an object".to_owned(),
        Some((_, expected)) => format!("expected {expected}"),
        None => "a value of another type is expected".to_owned(),
    }
}

/// The member that serde names first: in backticks, which its name may hold as well.
fn named_in(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once('`')?;
    // after an unknown member come those that are known
    let end = ["`, expected ", "`, there are no fields", "`"]
        .iter()
        .find_map(|end| rest.rfind(end))?;
    rest.get(..end)
}
