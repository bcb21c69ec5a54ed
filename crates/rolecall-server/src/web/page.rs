//! Paged lists: limits, cursors and the page itself.

use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::error::{ApiError, FieldError};

/// Which page of a list is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit(pub(crate) i64);

impl Default for Limit {
    fn default() -> Self {
        Self(50)
    }
}

impl<'de> serde::Deserialize<'de> for Limit {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.parse::<i64>() {
            Ok(limit @ 1..=200) => Ok(Self(limit)),
            _ => Err(serde::de::Error::custom(
                "limit is a whole number from 1 to 200",
            )),
        }
    }
}

/// The lists that are paged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum List {
    Users,
    Roles,
    Permissions,
    Assignments,
    Changes,
    Events,
    Sessions,
    Clients,
    Feed,
    Holders,
    PermissionHolders,
    Keys,
    Constraints,
    Requests,
    Resources,
    Consents,
    Invitations,
}

impl List {
    /// Returns the prefix of the cursors of this list.
    const fn mark(self) -> &'static str {
        match self {
            Self::Users => "users:",
            Self::Roles => "roles:",
            Self::Permissions => "permissions:",
            Self::Assignments => "assignments:",
            Self::Changes => "changes:",
            Self::Events => "events:",
            Self::Sessions => "sessions:",
            Self::Clients => "clients:",
            Self::Feed => "feed:",
            Self::Holders => "holders:",
            Self::PermissionHolders => "permission_holders:",
            Self::Constraints => "constraints:",
            Self::Keys => "keys:",
            Self::Requests => "requests:",
            Self::Resources => "resources:",
            Self::Consents => "consents:",
            Self::Invitations => "invitations:",
        }
    }
}

/// A place in a list: the key of the last item of the page before, so that it stays right while rows come
/// and go. It is opaque to clients, and valid for its own list only.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cursor(String);

impl Cursor {
    /// The cursor behind the item `key` of `list`, as clients get it.
    pub(crate) fn encode(list: List, key: &str) -> String {
        use base64::Engine as _;
        let marked = format!("{}{key}", list.mark());
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(marked)
    }

    /// The key after which the page of `list` begins; empty for the first page.
    ///
    /// # Errors
    ///
    /// [`ApiError::Invalid`] for the cursor of another list.
    pub(crate) fn after(&self, list: List) -> Result<&str, ApiError> {
        if self.0.is_empty() {
            return Ok("");
        }
        let key = self.0.strip_prefix(list.mark());
        key.ok_or_else(|| {
            ApiError::Invalid(FieldError::query("cursor", "value_error", INVALID_CURSOR))
        })
    }
}

/// The message for an invalid cursor.
pub(crate) const INVALID_CURSOR: &str = "cursor is not valid; use `next_cursor` of the page before";

impl<'de> serde::Deserialize<'de> for Cursor {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use base64::Engine as _;
        let text = String::deserialize(deserializer)?;
        let decoded = base64::engine::general_purpose::URL_SAFE_NO_PAD
            .decode(&text)
            .ok();
        let key = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
        let key =
            key.filter(|key| key.len() <= 200 && !key.chars().any(|c| c.is_control() && c != '\n'));
        key.map(Self)
            .ok_or_else(|| serde::de::Error::custom(INVALID_CURSOR))
    }
}

/// 201 with the address of what was made.
pub(crate) fn created(location: &str, body: impl IntoResponse) -> Response {
    let location = [(header::LOCATION, location.to_owned())];
    (StatusCode::CREATED, location, body).into_response()
}

/// Which page of a list to show.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// 1 to 200.
    #[serde(default)]
    #[param(value_type = Option<i64>, minimum = 1, maximum = 200, default = 50)]
    pub(crate) limit: Limit,
    /// `next_cursor` of the page before.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    pub(crate) cursor: Cursor,
}

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    /// Where the next page begins; null on the last.
    #[schema(required)]
    pub(crate) next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// Shapes `rows` of `list`, read with one more than `limit`, into a page; `key` names the place of a row.
    pub(crate) fn of<R>(
        list: List,
        mut rows: Vec<R>,
        limit: i64,
        key: impl Fn(&R) -> String,
        view: impl Fn(R) -> T,
    ) -> Self {
        let limit = usize::try_from(limit).unwrap_or(0);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = rows
            .last()
            .filter(|_| more)
            .map(|row| Cursor::encode(list, &key(row)));
        Self {
            items: rows.into_iter().map(view).collect(),
            next_cursor,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_of_no_other_list_than_it_was_given_out_for() {
        let text = Cursor::encode(List::Roles, "editor");
        let cursor: Cursor = serde_json::from_value(text.into()).unwrap();
        assert_eq!(cursor.after(List::Roles).unwrap(), "editor");
        for other in [List::Users, List::Permissions, List::Changes, List::Events] {
            assert!(cursor.after(other).is_err(), "{other:?}");
        }
        assert_eq!(Cursor::default().after(List::Users).unwrap(), "");
    }

    #[test]
    fn a_page_has_a_cursor_only_if_more_follows() {
        let page = |rows: Vec<i32>| Page::of(List::Users, rows, 2, ToString::to_string, |row| row);
        assert_eq!(page(vec![1, 2]).next_cursor, None);
        let first = page(vec![1, 2, 3]);
        assert_eq!(
            (first.items, first.next_cursor),
            (vec![1, 2], Some(Cursor::encode(List::Users, "2")))
        );
    }
}
