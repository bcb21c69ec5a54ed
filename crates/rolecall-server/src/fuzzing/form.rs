use crate::oauth::form::{Form, KNOWN};

/// Parses the form of the OAuth endpoints, and compares the result with the lenient parser of the URL Standard.
///
/// # Panics
///
/// If they differ.
pub fn run(data: &[u8]) {
    let pairs: Vec<_> = form_urlencoded::parse(data).collect();
    let values = |name: &str| -> Vec<&str> {
        let named = pairs.iter().filter(|(known, _)| known == name);
        named.map(|(_, value)| value.as_ref()).collect()
    };
    let Ok(form) = Form::parse(data) else {
        // the lenient parser replaces invalid UTF-8 by this character
        let is_invalid = |(name, value): &(_, _)| {
            [name, value]
                .iter()
                .any(|text: &&std::borrow::Cow<'_, str>| text.contains('\u{fffd}'))
        };
        let doubled = KNOWN.iter().any(|name| values(name).len() > 1);
        assert!(
            doubled || pairs.iter().any(is_invalid),
            "refused without a reason"
        );
        return;
    };
    let mut again = form_urlencoded::Serializer::new(String::new());
    for name in KNOWN {
        let values = values(name);
        assert!(values.len() <= 1, "`{name}` was accepted twice");
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
