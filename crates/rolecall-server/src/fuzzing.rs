//! The bodies of the fuzz targets; tests replay the inputs of their corpora.
//!
//! Each function accepts any bytes, and panics if the result violates a known property. None of this is compiled into
//! the server.

mod authorize;
mod basic;
mod cursor;
mod form;
mod import;
mod json;
mod redirect;

pub use authorize::run as authorize;
pub use basic::run as basic;
pub use cursor::run as cursor;
pub use form::run as form;
pub use import::run as import;
pub use json::run as json;
pub use redirect::run as redirect;

/// Asserts that a refusal blames the client, and that its message is short and safe to display.
fn assert_client_error(error: &crate::error::ApiError) {
    use crate::error::{ApiError, Place};
    let text = error.to_string();
    match error {
        ApiError::Invalid(field) => {
            let quoted = |place: &Place| {
                let name = place.to_string();
                name.len() <= 1000 && !name.chars().any(char::is_control)
            };
            assert!(
                field.loc.len() <= 4 && field.loc.iter().all(quoted),
                "{error:?}"
            );
        }
        ApiError::Malformed(_) => (),
        other => assert!(!text.is_empty(), "not an error of the client: {other:?}"),
    }
    assert!(
        matches!(error, ApiError::Invalid(_) | ApiError::Malformed(_)),
        "{error:?}"
    );
    assert!(text.chars().count() <= 1200, "{text}");
    assert!(!text.chars().any(char::is_control), "{text:?}");
    assert!(!text.contains("struct "), "names a Rust type: {text}");
}

#[cfg(test)]
#[path = "../../../fuzz/unpack.rs"]
mod unpack;

#[cfg(test)]
mod tests {
    use std::path::Path;

    fn replay(target: &str, run: fn(&[u8])) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
        let archive = std::fs::read_to_string(folder.join(target).with_extension("txt")).unwrap();
        let inputs = super::unpack::unpack(&archive).unwrap();
        assert!(inputs.len() > 20, "the corpus of `{target}` is missing");
        for input in inputs {
            // a test that fails shows the input
            println!("{} \"{}\"", input.name, input.bytes.escape_ascii());
            run(&input.bytes);
        }
    }

    #[test]
    fn the_corpus_of_the_form_parser_passes() {
        replay("form", super::form);
    }

    #[test]
    fn the_corpus_of_json_bodies_passes() {
        replay("json", super::json);
    }

    #[test]
    fn the_corpus_of_cursors_passes() {
        replay("cursor", super::cursor);
    }

    #[test]
    fn the_corpus_of_basic_headers_passes() {
        replay("basic", super::basic);
    }

    #[test]
    fn the_corpus_of_authorization_requests_passes() {
        replay("authorize", super::authorize);
    }

    #[test]
    fn the_corpus_of_redirect_uris_passes() {
        replay("redirect", super::redirect);
    }

    #[test]
    fn the_corpus_of_imports_passes() {
        replay("import", super::import);
    }
}
