use crate::web::{
    page::{Cursor, List, ListQuery},
    params::parse_query,
};

const LISTS: [List; 11] = [
    List::Users,
    List::Roles,
    List::Permissions,
    List::Assignments,
    List::Changes,
    List::Events,
    List::Sessions,
    List::Clients,
    List::Feed,
    List::Keys,
    List::Requests,
];

/// Parses cursors. The first byte selects the rest of the input: the text of a cursor, a query, or a key in one of the
/// lists.
pub fn run(data: &[u8]) {
    let Some((which, rest)) = data.split_first() else {
        return;
    };
    let text = String::from_utf8_lossy(rest);
    match usize::from(*which) % (LISTS.len() + 2) {
        0 => as_cursor(&text),
        1 => as_query(&text),
        at => as_key(LISTS.get(at - 2).copied().unwrap_or(List::Users), &text),
    }
}

fn read(text: &str) -> Option<Cursor> {
    serde_json::from_value(text.into()).ok()
}

fn as_cursor(text: &str) {
    let Some(cursor) = read(text) else { return };
    let accepted: Vec<_> = LISTS
        .iter()
        .filter_map(|list| Some((*list, cursor.after(*list).ok()?)))
        .collect();
    if text.is_empty() {
        return assert!(accepted.iter().all(|(_, key)| key.is_empty()));
    }
    assert!(
        accepted.len() <= 1,
        "one cursor is accepted by two lists: {text}"
    );
    for (list, key) in accepted {
        assert_eq!(Cursor::encode(list, key), text, "not canonical");
        assert!(key.len() <= 200 && !key.contains(['\0', '\r', '\u{7f}']));
    }
}

fn as_query(text: &str) {
    match parse_query::<ListQuery>(text) {
        Ok(query) => {
            assert!((1..=200).contains(&query.limit.0));
            let known = |name: &str| matches!(name, "limit" | "cursor");
            let mut names = form_urlencoded::parse(text.as_bytes());
            assert!(names.all(|(name, _)| known(&name)), "{text}");
        }
        Err(error) => super::assert_client_error(&error),
    }
}

fn as_key(list: List, key: &str) {
    let given = Cursor::encode(list, key);
    assert!(
        given
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    );
    let short = key.len() <= 180 && !key.chars().any(char::is_control);
    let Some(cursor) = read(&given) else {
        return assert!(!short, "an issued cursor is refused: {key:?}");
    };
    for other in LISTS {
        let after = cursor.after(other).ok();
        assert_eq!(after, (other == list).then_some(key), "{other:?}");
    }
}
