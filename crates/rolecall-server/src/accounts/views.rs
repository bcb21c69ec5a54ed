//! How users look in answers.

use rolecall::Principal;
use rolecall_core::{RoleName, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::{registration::ResetCode, store::User};
use crate::extract::{Cursor, List};

/// A time as RFC 3339 writes it, in UTC.
pub(crate) fn rfc3339(time: Timestamp) -> String {
    jiff::Timestamp::from_microsecond(time.micros())
        .map_or_else(|_| String::new(), |time| time.to_string())
}

/// A user.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = User)]
pub(crate) struct UserView {
    id: String,
    username: String,
    #[schema(required)]
    email: Option<String>,
    /// `active`, `disabled` or `password_change_required`.
    status: &'static str,
    /// Roles assigned, global and valid now.
    #[schema(value_type = Vec<String>)]
    roles: Vec<RoleName>,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            username: user.username,
            email: user.email,
            status: user.status.as_str(),
            roles: user.roles,
            created_at: rfc3339(user.created_at),
            updated_at: rfc3339(user.updated_at),
        }
    }
}

/// The caller's own account.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Me)]
pub(crate) struct MeView {
    id: String,
    username: String,
    #[schema(required)]
    email: Option<String>,
    /// `active`, `disabled` or `password_change_required`.
    status: &'static str,
    /// The roles of the token, inherited ones too.
    roles: Vec<String>,
    /// The permissions of the token.
    permissions: Vec<String>,
    /// The tenant that the token is for.
    #[schema(required)]
    tenant: Option<String>,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
}

impl MeView {
    /// The account `user`, with what the token of `caller` carries.
    pub(crate) fn new(user: User, caller: &Principal) -> Self {
        let UserView {
            id,
            username,
            email,
            status,
            created_at,
            updated_at,
            ..
        } = user.into();
        Self {
            id,
            username,
            email,
            status,
            roles: caller.roles().map(str::to_owned).collect(),
            permissions: caller.permissions().map(str::to_owned).collect(),
            tenant: caller.tenant().map(str::to_owned),
            created_at,
            updated_at,
        }
    }
}

/// A new user; the reset code is there only if no password was given.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CreatedUser)]
pub(crate) struct CreatedUserView {
    #[serde(flatten)]
    user: UserView,
    #[serde(skip_serializing_if = "Option::is_none")]
    reset_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    expires_at: Option<String>,
}

impl CreatedUserView {
    pub(crate) fn new(user: User, reset: Option<ResetCode>) -> Self {
        let (reset_code, expires_at) = reset
            .map(|reset| (reset.code, rfc3339(reset.expires_at)))
            .unzip();
        Self {
            user: user.into(),
            reset_code,
            expires_at,
        }
    }
}

/// A one-time code that stands in for the password until it is changed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ResetCode)]
pub(crate) struct ResetCodeView {
    reset_code: String,
    #[schema(format = DateTime)]
    expires_at: String,
}

impl From<ResetCode> for ResetCodeView {
    fn from(reset: ResetCode) -> Self {
        Self {
            reset_code: reset.code,
            expires_at: rfc3339(reset.expires_at),
        }
    }
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
    fn a_page_has_a_cursor_only_if_more_follows() {
        let page = |rows: Vec<i32>| Page::of(List::Users, rows, 2, ToString::to_string, |row| row);
        assert_eq!(page(vec![1, 2]).next_cursor, None);
        let first = page(vec![1, 2, 3]);
        assert_eq!(
            (first.items, first.next_cursor),
            (vec![1, 2], Some(Cursor::encode(List::Users, "2")))
        );
    }

    #[test]
    fn times_are_written_in_utc() {
        assert_eq!(
            rfc3339(Timestamp::from_micros(1_700_000_000_500_000)),
            "2023-11-14T22:13:20.5Z"
        );
    }
}
