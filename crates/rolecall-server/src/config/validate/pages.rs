//! Checks the section `pages`, as far as it needs no file.

use crate::{
    clients::redirect,
    config::{Color, PageLink, Pages},
};

/// The least contrast of a text with what is behind it (WCAG 2.2, 1.4.3).
const LEAST_CONTRAST: f64 = 4.5;
/// The most links at the foot of a page.
const MAX_LINKS: usize = 6;
/// The most clients with a look of their own.
const MAX_CLIENTS: usize = 200;
/// The longest address of a link.
const MAX_URL: usize = 2048;

/// Returns one line for each fault, none if the settings are valid.
pub(crate) fn page_faults(pages: &Pages) -> Vec<String> {
    let mut faults = Vec::new();
    faults.extend(name("pages.name", &pages.name));
    faults.extend(colors("pages", pages.color, pages.color_dark));
    if pages.links.len() > MAX_LINKS {
        faults.push(format!("`pages.links`: a page has up to {MAX_LINKS} links"));
    }
    faults.extend(pages.links.iter().filter_map(link));
    if pages.clients.len() > MAX_CLIENTS {
        faults.push(format!(
            "`pages.clients`: up to {MAX_CLIENTS} clients have a look of their own"
        ));
    }
    for (id, look) in &pages.clients {
        let section = format!("pages.clients.{}", id.escape_debug());
        if !is_label(id, 100) {
            faults.push(format!("`{section}`: this is not the id of a client"));
        }
        let own_name = look.name.as_deref();
        faults.extend(own_name.and_then(|text| name(&format!("{section}.name"), text)));
        faults.extend(colors(&section, look.color, look.color_dark));
    }
    faults
}

fn name(key: &str, name: &str) -> Option<String> {
    (!is_label(name, 60)).then(|| format!("`{key}`: a name has 1 to 60 printable characters"))
}

fn is_label(text: &str, longest: usize) -> bool {
    (1..=longest).contains(&text.chars().count())
        && !text.trim().is_empty()
        && !text.chars().any(rolecall_core::is_unprintable)
}

fn link(link: &PageLink) -> Option<String> {
    let shown: String = link
        .label
        .chars()
        .take(40)
        .flat_map(char::escape_debug)
        .collect();
    if !is_label(&link.label, 40) {
        return Some(format!(
            "`pages.links`: the label `{shown}` needs 1 to 40 printable characters"
        ));
    }
    // a fragment is part of a page, not of a redirect URI
    let address = link
        .url
        .split_once('#')
        .map_or(link.url.as_str(), |(page, _)| page);
    if link.url.len() > MAX_URL || !redirect::is_https(address) {
        return Some(format!(
            "`pages.links`: the address of `{shown}` must begin with `https://`, without spaces and quotation marks"
        ));
    }
    None
}

fn colors(section: &str, color: Option<Color>, dark: Option<Color>) -> Vec<String> {
    let colors = [
        ("color", color, Color::LIGHT, "darker"),
        ("color_dark", dark, Color::DARK, "lighter"),
    ];
    let faults = colors.into_iter().filter_map(|(key, color, page, remedy)| {
        let color = color?;
        let contrast = color.contrast(page);
        (contrast < LEAST_CONTRAST).then(|| format!(
            "`{section}.{key}`: {color} is hard to read on {page}, with a contrast of {contrast:.1}; choose a {remedy} colour, with 4.5 or more"
        ))
    });
    faults.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ClientLook;

    fn with(change: impl FnOnce(&mut Pages)) -> Vec<String> {
        let mut pages = Pages::default();
        change(&mut pages);
        page_faults(&pages)
    }

    fn with_link(label: &str, url: &str) -> Vec<String> {
        let (label, url) = (label.to_owned(), url.to_owned());
        with(|pages| pages.links = vec![PageLink { label, url }])
    }

    #[test]
    fn a_link_leads_to_an_https_address_and_nowhere_else() {
        for url in [
            "https://www.example.com",
            "https://www.example.com/privacy?lang=de#cookies",
            "https://example.com:8443/",
        ] {
            assert_eq!(with_link("Privacy", url), Vec::<String>::new(), "{url}");
        }
        for wrong in [
            "http://www.example.com",
            "javascript:alert(1)",
            "JAVASCRIPT:alert(1)",
            "data:text/html,x",
            "//www.example.com",
            "/privacy",
            "https:",
            "https://",
            "https://user@www.example.com",
            "https://www.example.com/\"onclick=x",
            "https://www.example.com/a b",
            "",
        ] {
            let faults = with_link("Privacy", wrong);
            assert_eq!(faults.len(), 1, "{wrong}");
            assert!(
                faults[0].starts_with("`pages.links`: the address of `Privacy`"),
                "{faults:?}"
            );
        }
        for label in ["", " ", "a\u{202e}b", &"x".repeat(41)] {
            let faults = with_link(label, "https://www.example.com");
            assert!(
                faults[0].contains("1 to 40 printable"),
                "{label}: {faults:?}"
            );
        }
    }

    #[test]
    fn a_page_has_a_handful_of_links() {
        let link = PageLink {
            label: "Help".to_owned(),
            url: "https://www.example.com".to_owned(),
        };
        for (number, is_valid) in [(6, true), (7, false)] {
            let faults = with(|pages| pages.links = vec![link.clone(); number]);
            assert_eq!(faults.is_empty(), is_valid, "{faults:?}");
        }
    }

    #[test]
    fn the_look_of_a_client_is_checked_like_that_of_the_server() {
        let with_look = |look: ClientLook| {
            with(|pages| {
                pages.clients.insert("wiki".to_owned(), look);
            })
        };
        let color = |text: &str| Some(text.parse().unwrap());
        let right = ClientLook {
            name: Some("Wiki".to_owned()),
            color: color("#7a1fa2"),
            color_dark: color("#d9a7f0"),
            ..ClientLook::default()
        };
        assert_eq!(with_look(right), Vec::<String>::new());
        let wrong = ClientLook {
            name: Some(String::new()),
            color: color("#d9a7f0"),
            color_dark: color("#7a1fa2"),
            ..ClientLook::default()
        };
        let faults = with_look(wrong);
        let keys =
            ["name", "color", "color_dark"].map(|key| format!("`pages.clients.wiki.{key}`: "));
        assert_eq!(faults.len(), 3, "{faults:?}");
        for (fault, key) in faults.iter().zip(keys) {
            assert!(fault.starts_with(&key), "{fault}");
        }
    }
}
