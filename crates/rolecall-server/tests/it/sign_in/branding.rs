//! Names, pictures, colours, links and texts of the operator on the pages.

use std::{fs, path::Path};

use rolecall_server::config::{ClientLook, PageLink, Pages};

use super::{REDIRECT, Site, is_page};
use crate::support::{Browser, Node, PASSWORD, on_both};

on_both![
    the_pages_of_a_client_have_its_look_and_still_say_who_it_is,
    a_font_may_be_loaded_where_one_is_set,
    i130_texts_and_templates_of_the_operator_bring_no_script,
    a_look_that_cannot_be_used_refuses_the_start,
];

const PNG: &[u8] = b"\x89PNG\r\n\x1a\nrest";

async fn node_with(site: &Site, pages: Pages) -> Node {
    site.node(|builder| builder.pages(pages)).await
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> std::path::PathBuf {
    let path = folder.join(name);
    fs::write(&path, bytes).unwrap();
    path
}

async fn the_pages_of_a_client_have_its_look_and_still_say_who_it_is(site: Site) {
    let folder = tempfile::tempdir().unwrap();
    let look = ClientLook {
        name: Some("<b>Your Bank</b>".to_owned()),
        logo: Some(write(folder.path(), "bank.png", &[PNG, b"bank"].concat())),
        color: Some("#7a1fa2".parse().unwrap()),
        ..ClientLook::default()
    };
    let pages = Pages {
        name: "Example Ltd".to_owned(),
        logo: Some(write(folder.path(), "logo.png", PNG)),
        links: vec![PageLink {
            label: "Privacy".to_owned(),
            url: "https://www.example.com/privacy".to_owned(),
        }],
        clients: [(site.other.id.clone(), look)].into(),
        ..Pages::default()
    };
    let node = node_with(&site, pages).await;
    let mut browser = Browser::new(&node);
    let flow = browser.begin(&site.other, REDIRECT, &[]).await;
    let mut shown = Vec::new();
    for path in ["/login", "/login/password"] {
        let page = browser.open(&format!("{path}?flow={flow}")).await;
        shown.push(is_page(&page, 200));
    }
    assert!(shown[0].contains("to continue to other"), "{}", shown[0]);
    browser.log_in(&flow, "alice", PASSWORD).await.is(303);
    let consent = is_page(&browser.open(&format!("/login?flow={flow}")).await, 200);
    assert!(consent.contains("other at app.example asks"), "{consent}");
    shown.push(consent);
    browser.decide(&flow, "allow").await.is(303);
    for page in &shown {
        assert!(page.contains("&lt;b&gt;Your Bank&lt;/b&gt;</p>"), "{page}");
        let by = "Sign-in by Example Ltd for the application at app.example";
        assert!(page.contains(by), "{page}");
        assert!(!page.contains("<b>"), "{page}");
    }
    // other pages have nothing of it
    let mut plain = Browser::new(&node);
    let flow = plain.begin(&site.first, REDIRECT, &[]).await;
    let first = is_page(&plain.open(&format!("/login?flow={flow}")).await, 200);
    let ended = is_page(&plain.open("/login?flow=x").await, 400);
    let account = is_page(&browser.open("/account").await, 200);
    for page in [&first, &ended, &account] {
        assert!(page.contains("Example Ltd</p>"), "{page}");
        assert!(
            !page.contains("Your Bank") && !page.contains("Sign-in by"),
            "{page}"
        );
        shown.push(page.clone());
    }
    for page in &shown {
        assert!(
            page.contains("href=\"https://www.example.com/privacy\">Privacy</a>"),
            "{page}"
        );
    }
    has_own_files(&mut browser, &shown[0], &first).await;
}

/// Expects that two pages have different pictures and style sheets.
async fn has_own_files(browser: &mut Browser<'_>, one: &str, other: &str) {
    let part = |page: &str, before: &str| {
        let after = page.split(before).nth(1).unwrap();
        format!("{before}{}", after.split('"').next().unwrap())
    };
    for file in ["/pages/style.css?v=", "/pages/logo?v="] {
        let (one, other) = (part(one, file), part(other, file));
        assert_ne!(one, other);
        let (one, other) = (browser.open(&one).await, browser.open(&other).await);
        assert_ne!(one.is(200).body, other.is(200).body);
    }
    let style = browser.open(&part(one, "/pages/style.css?v=")).await;
    let style = String::from_utf8(style.body.to_vec()).unwrap();
    assert!(style.contains("--accent: #7a1fa2"), "{style}");
}

/// A font with one empty table.
const FONT: &[u8] = b"wOF2\0\x01\0\0\0\0\0\x32\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x05\x08";

async fn a_font_may_be_loaded_where_one_is_set(site: Site) {
    let folder = tempfile::tempdir().unwrap();
    let pages = Pages {
        font: Some(write(folder.path(), "font.woff2", FONT)),
        favicon: Some(write(folder.path(), "icon.png", PNG)),
        ..Pages::default()
    };
    let node = node_with(&site, pages).await;
    let mut browser = Browser::new(&node);
    let page = browser.open("/login?flow=x").await;
    let policy = page.is(400).header("content-security-policy").unwrap();
    assert!(
        policy.contains("; font-src 'self'; ") && !policy.contains('*'),
        "{policy}"
    );
    for (file, kind) in [("font", "font/woff2"), ("favicon", "image/png")] {
        let answer = browser.open(&format!("/pages/{file}")).await;
        assert_eq!(answer.is(200).header("content-type"), Some(kind));
    }
    let mut plain = Browser::new(&site);
    let page = plain.open("/login?flow=x").await;
    let policy = page.is(400).header("content-security-policy").unwrap();
    assert!(!policy.contains("font-src"), "{policy}");
    for file in ["font", "favicon", "logo"] {
        plain.open(&format!("/pages/{file}")).await.is(404);
    }
}

async fn i130_texts_and_templates_of_the_operator_bring_no_script(site: Site) {
    let folder = tempfile::tempdir().unwrap();
    let folders = ["templates", "locales"].map(|name| {
        let path = folder.path().join(name);
        fs::create_dir(&path).unwrap();
        path
    });
    let text = "user-name = <script>alert(1)</script>\nsign-in = \"><img src=x onerror=alert(1)>";
    write(&folders[1], "fr.ftl", text.as_bytes());
    let message = "{% extends \"layout.html\" %}{% block content %}{% autoescape false %}<h1>ours</h1>{{ t(heading) }}{{ detail }}{% endautoescape %}{% endblock %}";
    write(&folders[0], "message.html", message.as_bytes());
    let pages = Pages {
        templates: Some(folders[0].clone()),
        locales: Some(folders[1].clone()),
        ..Pages::default()
    };
    let node = node_with(&site, pages).await;
    let mut browser = Browser::new(&node);
    let flow = browser
        .begin(&site.other, REDIRECT, &[("ui_locales", "fr-CA")])
        .await;
    let page = is_page(&browser.open(&format!("/login?flow={flow}")).await, 200);
    assert!(page.contains("<html lang=\"fr\" dir=\"ltr\">"), "{page}");
    assert!(page.contains("&lt;script&gt;alert(1)"), "{page}");
    has_only_own_scripts(&page);
    assert!(!page.contains("<img"), "{page}");
    let evil = "/authorize?client_id=x&redirect_uri=%3Cscript%3E&%3Cscript%3E=1";
    let page = is_page(&browser.open(evil).await, 400);
    assert!(page.contains("<h1>ours</h1>"), "{page}");
    has_only_own_scripts(&page);
}

/// Checks that all scripts of a page come from the server's own folder.
fn has_only_own_scripts(page: &str) {
    let (scripts, own) = (page.matches("<script"), "<script src=\"/pages/");
    assert_eq!(scripts.count(), page.matches(own).count(), "{page}");
}

async fn a_look_that_cannot_be_used_refuses_the_start(site: Site) {
    for (pages, wanted) in [
        (
            Pages {
                color: Some("#ffff00".parse().unwrap()),
                ..Pages::default()
            },
            "`pages.color`: #ffff00 is hard to read",
        ),
        (
            Pages {
                locales: Some("no/such/folder".into()),
                ..Pages::default()
            },
            "`pages.locales`: cannot read no/such/folder",
        ),
    ] {
        let refused = site.builder().pages(pages).open().await;
        let error = refused.err().unwrap().to_string();
        assert!(error.starts_with(wanted), "{error}");
    }
}
