use super::*;

const NAMES: [&str; 3] = ["swagger-ui.css", "swagger-ui-bundle.js", "init.js"];

fn html() -> &'static str {
    std::str::from_utf8(&page().body).unwrap()
}

#[test]
fn the_page_loads_only_files_of_the_binary() {
    let mut loaded = 0;
    for piece in html()
        .split(['"', '\''])
        .filter(|piece| piece.contains("?v="))
    {
        let path = piece.split('?').next().unwrap();
        let name = path.strip_prefix("docs/").unwrap();
        let asset = find_asset(name).unwrap();
        assert!(piece.ends_with(asset.etag.trim_matches('"')), "{piece}");
        loaded += 1;
    }
    assert_eq!(loaded, NAMES.len());
    assert!(!html().contains('{'), "a placeholder is left: {}", html());
}

#[test]
fn neither_the_page_nor_its_script_names_another_host() {
    let init = std::str::from_utf8(&find_asset("init.js").unwrap().body).unwrap();
    for text in [html(), init] {
        assert!(!text.contains("//cdn") && !text.contains("http"), "{text}");
    }
    assert!(init.contains("validatorUrl: null"));
    assert!(init.contains("persistAuthorization: false"));
}

#[test]
fn the_page_contains_no_inline_script() {
    // the policy forbids inline scripts, so that one would silently not run
    for script in html().split("<script").skip(1) {
        assert!(script.starts_with(" src="), "{script}");
        let between = script.split_once('>').unwrap().1;
        assert!(between.starts_with("</script>"), "{between}");
    }
    assert!(!html().contains(" onload"));
    assert!(!html().contains("<style"));
}

#[test]
fn the_policy_allows_no_foreign_or_inline_script() {
    let script = CONTENT_SECURITY_POLICY_VALUE
        .split(';')
        .find(|rule| rule.trim_start().starts_with("script-src"))
        .unwrap();
    assert_eq!(script.trim(), "script-src 'self'");
    for rule in [
        "default-src 'none'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ] {
        assert!(CONTENT_SECURITY_POLICY_VALUE.contains(rule), "{rule}");
    }
    let response = page().answer(&HeaderMap::new());
    assert_eq!(
        response.headers()[CONTENT_SECURITY_POLICY],
        CONTENT_SECURITY_POLICY_VALUE
    );
}

#[test]
fn a_file_that_does_not_exist_is_not_found() {
    for name in [
        "",
        "..",
        "index.html",
        "mod.rs",
        "swagger-ui.css.gz",
        "../mod.rs",
    ] {
        assert!(find_asset(name).is_none(), "{name}");
    }
}

#[test]
fn exactly_the_gzip_files_are_announced_as_gzip() {
    for name in NAMES {
        let asset = find_asset(name).unwrap();
        let response = asset.answer(&HeaderMap::new());
        assert_eq!(response.status(), StatusCode::OK);
        let announced = response.headers().contains_key(CONTENT_ENCODING);
        assert_eq!(announced, asset.body.starts_with(&[0x1f, 0x8b]), "{name}");
        assert_eq!(announced, name != "init.js");
        assert_eq!(response.headers()[X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert_eq!(response.headers()[CACHE_CONTROL], CACHE_FOREVER);
    }
}

#[test]
fn the_page_is_revalidated_each_time() {
    let response = page().answer(&HeaderMap::new());
    assert_eq!(response.headers()[CACHE_CONTROL], "no-cache");
    assert_eq!(response.headers()[CONTENT_TYPE], "text/html; charset=utf-8");
}

#[test]
fn cached_files_are_not_sent_again() {
    let etag = &find_asset("swagger-ui.css").unwrap().etag;
    let table = [
        (etag.clone(), true),
        (format!("W/{etag}"), true),
        (format!("\"other\", {etag}"), true),
        ("*".to_owned(), true),
        ("\"other\"".to_owned(), false),
        (etag.trim_matches('"').to_owned(), false),
        (String::new(), false),
    ];
    for (value, known) in table {
        let mut headers = HeaderMap::new();
        headers.insert(IF_NONE_MATCH, HeaderValue::from_str(&value).unwrap());
        let response = find_asset("swagger-ui.css").unwrap().answer(&headers);
        let expected = if known {
            StatusCode::NOT_MODIFIED
        } else {
            StatusCode::OK
        };
        assert_eq!(response.status(), expected, "{value}");
        assert_eq!(response.headers()[ETAG], etag.as_str());
    }
}

#[test]
fn different_files_have_different_tags() {
    let tags: std::collections::BTreeSet<_> = NAMES
        .iter()
        .map(|name| &find_asset(name).unwrap().etag)
        .collect();
    assert_eq!(tags.len(), NAMES.len());
}
