//! What the fuzz targets do with their input; a test replays the inputs that are kept.
//!
//! Each function takes any bytes and panics if what is known of the answer does not hold. None of this is in a
//! program that is built for use.

mod basic;
mod cursor;
mod form;
mod import;
mod json;

pub use basic::run as basic;
pub use cursor::run as cursor;
pub use form::run as form;
pub use import::run as import;
pub use json::run as json;

/// Holds for every refusal: it is the client's fault, short, and safe to show.
fn assert_fair(error: &crate::error::ApiError) {
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
        other => assert!(!text.is_empty(), "no fault of the client: {other:?}"),
    }
    assert!(
        matches!(error, ApiError::Invalid(_) | ApiError::Malformed(_)),
        "{error:?}"
    );
    assert!(text.chars().count() <= 1200, "{text}");
    assert!(!text.chars().any(char::is_control), "{text:?}");
    assert!(!text.contains("struct "), "names something of Rust: {text}");
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
        assert!(inputs.len() > 20, "the kept inputs of `{target}` are gone");
        for input in inputs {
            // a test that fails shows the input
            println!("{} \"{}\"", input.name, input.bytes.escape_ascii());
            run(&input.bytes);
        }
    }

    #[test]
    fn no_kept_input_breaks_the_form_parser() {
        replay("form", super::form);
    }

    #[test]
    fn no_kept_input_breaks_the_json_bodies() {
        replay("json", super::json);
    }

    #[test]
    fn no_kept_input_breaks_the_cursors() {
        replay("cursor", super::cursor);
    }

    #[test]
    fn no_kept_input_breaks_the_basic_header() {
        replay("basic", super::basic);
    }

    #[test]
    fn no_kept_input_breaks_the_sources_of_an_import() {
        replay("import", super::import);
    }
}
