use crate::oauth::form::{Form, KNOWN};

/// The form of the OAuth endpoints, beside the parser of the URL standard, which takes everything: both
/// read the same.
///
/// # Panics
///
/// If it does not.
pub fn run(data: &[u8]) {
    let pairs: Vec<_> = form_urlencoded::parse(data).collect();
    let values = |name: &str| -> Vec<&str> {
        let named = pairs.iter().filter(|(known, _)| known == name);
        named.map(|(_, value)| value.as_ref()).collect()
    };
    let Ok(form) = Form::parse(data) else {
        // where that parser meets what is not UTF-8 it writes this character
        let unclear = |(name, value): &(_, _)| {
            [name, value]
                .iter()
                .any(|text: &&std::borrow::Cow<'_, str>| text.contains('\u{fffd}'))
        };
        let doubled = KNOWN.iter().any(|name| values(name).len() > 1);
        assert!(doubled || pairs.iter().any(unclear), "refused for nothing");
        return;
    };
    let mut again = form_urlencoded::Serializer::new(String::new());
    for name in KNOWN {
        let values = values(name);
        assert!(values.len() <= 1, "`{name}` was taken twice");
        let value = values.first().copied().filter(|value| !value.is_empty());
        assert_eq!(form.get(name), value, "{name}");
        if let Some(value) = value {
            again.append_pair(name, value);
        }
    }
    let again = Form::parse(again.finish().as_bytes());
    assert!(again.is_ok_and(|again| KNOWN.iter().all(|name| again.get(name) == form.get(name))));
    assert_eq!(form.get("no such parameter"), None);
}
