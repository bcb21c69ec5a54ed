//! The factor that somebody was about to add, in the address of the page to which the sign-in that comes between leads
//! back. The page fills its form with it, and takes nothing else from it.

use super::submitted::Submitted;
use crate::factors::{store::Factor, wished::Wished};

const APPLICATION: &str = "application";
const PASSKEY: &str = "passkey";

/// Returns the part of a query that names a factor.
pub(super) fn query(wished: &Wished) -> String {
    let kind = if wished.is_passkey {
        PASSKEY
    } else {
        APPLICATION
    };
    form_urlencoded::Serializer::new(String::new())
        .append_pair("kind", kind)
        .append_pair("name", &wished.name)
        .finish()
}

/// Reads what [`query`] has written, and what anybody else may have put into a link.
pub(super) fn read(query: &Submitted) -> Option<Wished> {
    let is_passkey = match query.get("kind") {
        APPLICATION => false,
        PASSKEY => true,
        _ => return None,
    };
    Some(Wished::new(is_passkey, query.get("name")))
}

/// Returns the names that the forms for a new application and for a new passkey begin with.
pub(super) fn names<'a>(wished: Option<&'a Wished>, factors: &[Factor]) -> [&'a str; 2] {
    let is_added = |one: &Wished| factors.iter().any(|factor| factor.name == one.name);
    // the sign-in may have added it
    let wished = wished.filter(|one| !is_added(one));
    [false, true].map(|is_passkey| {
        let named = wished.filter(|one| one.is_passkey == is_passkey);
        named.map_or("", |one| one.name.as_str())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_has_the_factor_and_nothing_else() {
        for (is_passkey, name) in [
            (true, "My <phone> & more"),
            (false, "Téléphone"),
            (false, ""),
        ] {
            let wished = Wished::new(is_passkey, name);
            let query = query(&wished);
            assert!(query.is_ascii() && !query.contains('<'), "{query}");
            let found = read(&Submitted::parse(query.as_bytes()));
            assert_eq!(found, Some(wished));
        }
        for wrong in [
            "",
            "kind=",
            "kind=codes&name=x",
            "kind=passkey&kind=passkey",
        ] {
            assert_eq!(read(&Submitted::parse(wrong.as_bytes())), None, "{wrong}");
        }
        let odd = read(&Submitted::parse(b"kind=passkey&name=a%0Ab")).unwrap();
        assert_eq!(odd.name, "");
    }
}
