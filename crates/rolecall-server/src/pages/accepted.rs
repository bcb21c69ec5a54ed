//! The languages that a browser prefers.

use std::cmp::Reverse;

use unic_langid::LanguageIdentifier;

/// Reads `Accept-Language` (RFC 9110 section 12.5.4), the preferred language first. `*` stands for the `available` ones that
/// the header does not name. The parser of `fluent-langneg` ignores the weights.
pub(super) fn parse(header: &str, available: &[LanguageIdentifier]) -> Vec<LanguageIdentifier> {
    let ranges = header.split(',').filter_map(|range| {
        let (name, parameter) = range.split_once(';').unwrap_or((range, "q=1"));
        let name = name.trim();
        let id: Option<LanguageIdentifier> = name.parse().ok();
        (id.is_some() || name == "*").then_some((weight(parameter)?, id))
    });
    let mut ranges: Vec<_> = ranges.take(50).collect();
    // the order decides between equal weights
    ranges.sort_by_key(|(weight, _)| Reverse(*weight));
    let named: Vec<_> = ranges.iter().filter_map(|(_, id)| id.clone()).collect();
    let is_named = |one: &&LanguageIdentifier| named.iter().any(|id| id.language == one.language);
    let accepted = ranges.into_iter().filter(|(weight, _)| *weight > 0);
    let accepted = accepted.flat_map(|(_, id)| match id {
        Some(id) => vec![id],
        None => available
            .iter()
            .filter(|one| !is_named(one))
            .cloned()
            .collect(),
    });
    accepted.collect()
}

/// Reads a weight (RFC 9110 section 12.4.2), in thousandths; `None` if it is none.
fn weight(parameter: &str) -> Option<u16> {
    let (name, value) = parameter.split_once('=')?;
    let (whole, fraction) = value.trim().split_once('.').unwrap_or((value.trim(), ""));
    let is_number = fraction.len() <= 3 && fraction.bytes().all(|digit| digit.is_ascii_digit());
    let thousandths = format!("{fraction:0<3}").parse().ok()?;
    match whole {
        _ if !is_number || !name.trim().eq_ignore_ascii_case("q") => None,
        "0" => Some(thousandths),
        "1" if thousandths == 0 => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::languages::Languages;

    #[test]
    fn the_weights_of_a_browser_decide_and_not_the_order() {
        let languages = Languages::new(Vec::new());
        for (accepted, language) in [
            ("de;q=0.1, en;q=0.9", "en"),
            ("en;q=0.1, de;q=0.9", "de"),
            ("en;q=0.8, de", "de"),
            ("en;q=0.85,de;q=0.9,fr;q=0.999", "de"),
            ("de , en", "de"),
            ("de;q=0.5, en;q=0.500", "de"),
            ("de ; Q=1.000, en;q=1", "de"),
            // zero excludes
            ("de;q=0", "en"),
            ("de;q=0.000, en;q=0.001", "en"),
            ("en;q=0, *", "de"),
            ("de;q=0, *", "en"),
            ("de, en;q=0", "de"),
            ("fr, *;q=0.5", "en"),
            ("fr, *;q=0.5, de;q=0.1", "en"),
            ("en;q=0.1, *;q=0.5", "de"),
            // what is no weight is skipped with its language
            ("de;q=2, en", "en"),
            ("de;q=1.001", "en"),
            ("de;q=0.0001", "en"),
            ("de;q=.5", "en"),
            ("de;q=-1", "en"),
            ("de;q=", "en"),
            ("de;level=1", "en"),
        ] {
            let chosen = languages.choose(None, None, accepted);
            assert_eq!(languages.name(chosen), language, "{accepted:?}");
        }
    }
}
