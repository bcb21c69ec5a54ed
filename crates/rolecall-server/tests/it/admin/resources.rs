//! Resources on the pages for administrators.

use serde_json::json;

use super::{is_done, page, signed_in};
use crate::support::{Browser, TestApp, on_both};

on_both![
    a_resource_is_registered_changed_and_deleted,
    what_is_wrong_with_a_resource_is_said_at_its_field,
    a_resource_that_a_client_uses_stays,
    resources_are_listed_page_by_page,
    y461_resources_are_for_those_who_may_read_and_write_them,
    y464_a_tenant_administrator_sees_no_resources,
    y460_hostile_members_stay_text_on_every_page_of_a_resource,
];

const RESOURCES: &str = "/admin/resources";
const NEW: &str = "/admin/resources/new";
const STOCK: [(&str, &str); 5] = [
    ("uri", "https://stock.example"),
    ("name", "Stock"),
    ("objects", "items\r\norders"),
    ("default_scope", "items:read"),
    ("dynamic", "ask"),
];

/// Registers the resource, and returns its page.
async fn stock(browser: &mut Browser<'_>) -> String {
    let made = browser.submit(NEW, &STOCK).await;
    let location = made.is(303).header("location").unwrap();
    let path = location.strip_suffix("?done=resource-created");
    path.unwrap_or_else(|| panic!("{location}")).to_owned()
}

#[expect(clippy::too_many_lines, reason = "a table")]
async fn a_resource_is_registered_changed_and_deleted(app: TestApp) {
    let mut browser = signed_in(&app, "admin").await;
    let text = page(&browser.open(RESOURCES).await, 200);
    assert!(
        text.contains("No API is registered.") && text.contains(NEW),
        "{text}"
    );
    browser.open(NEW).await.is(200);
    let path = stock(&mut browser).await;
    let api = path.replace("/admin", "/api");
    let stored = app.get(&api, app.admin().await).await.is(200).json.clone();
    for (member, value) in [
        ("uri", json!("https://stock.example")),
        ("name", json!("Stock")),
        ("objects", json!(["items", "orders"])),
        ("default_scope", json!("items:read")),
        ("dynamic", json!("ask")),
    ] {
        assert_eq!(stored[member], value, "{member}");
    }
    let text = page(&browser.open(RESOURCES).await, 200);
    for expected in [
        &format!("href=\"{path}\""),
        "https://stock.example",
        "Every client, and each user is asked",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let text = page(&browser.open(&path).await, 200);
    for expected in ["<h1>Stock</h1>", "value=\"items:read\"", "items\norders"] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    // an empty field takes the member away, and the URI of a form does not count
    let form = [
        ("name", "Store"),
        ("objects", "items"),
        ("dynamic", "no"),
        ("uri", "https://other.example"),
    ];
    is_done(&browser.submit(&path, &form).await, &path, "saved");
    let stored = app
        .get(&api, &app.log_in("admin").await)
        .await
        .is(200)
        .json
        .clone();
    for (member, value) in [
        ("uri", json!("https://stock.example")),
        ("name", json!("Store")),
        ("objects", json!(["items"])),
        ("default_scope", json!(null)),
        ("dynamic", json!("no")),
    ] {
        assert_eq!(stored[member], value, "{member}");
    }
    let delete = format!("{path}/delete");
    let text = page(&browser.open(&delete).await, 200);
    for expected in [
        "Delete the resource Store",
        "Tokens for https://stock.example end.",
        "This cannot be undone.",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    is_done(
        &browser.submit(&delete, &[]).await,
        RESOURCES,
        "resource-deleted",
    );
    app.get(&api, &app.log_in("admin").await).await.is(404);
    browser.open(&path).await.is(404);
    browser.open(&delete).await.is(404);
}

async fn what_is_wrong_with_a_resource_is_said_at_its_field(app: TestApp) {
    let mut browser = signed_in(&app, "admin").await;
    for (field, wrong) in [
        ("uri", ""),
        ("uri", "stock"),
        ("uri", "https://stock.example/#x"),
        ("name", ""),
        ("name", "\u{202e}"),
        ("objects", ""),
        ("objects", "items items"),
        ("objects", "Items"),
        ("objects", "rolecall.users"),
        ("default_scope", "other:read"),
        ("default_scope", "items"),
        ("dynamic", "always"),
    ] {
        let form = STOCK.iter().filter(|(name, _)| *name != field);
        let form: Vec<(&str, &str)> = form.copied().chain([(field, wrong)]).collect();
        let text = page(&browser.submit(NEW, &form).await, 422);
        assert!(
            text.contains(&format!("href=\"#{field}\"")),
            "{field}={wrong}: {text}"
        );
        assert!(text.contains(&format!("id=\"{field}\"")), "{field}: {text}");
    }
    let path = stock(&mut browser).await;
    let text = page(&browser.submit(NEW, &STOCK).await, 409);
    assert!(
        text.contains("id=\"faults\"") && text.contains("value=\"Stock\""),
        "{text}"
    );
    let form = [("name", "Other"), ("objects", "")];
    let text = page(&browser.submit(&path, &form).await, 422);
    assert!(
        text.contains("href=\"#objects\"") && text.contains("value=\"Other\""),
        "{text}"
    );
    assert!(text.contains("<h1>Stock</h1>"), "{text}");
    let lost = browser
        .submit(
            &format!("{RESOURCES}/nothing"),
            &[("name", "x"), ("objects", "x")],
        )
        .await;
    page(&lost, 404);
    let stored = app.get("/api/resources", app.admin().await).await;
    assert_eq!(stored.items("name"), ["Stock"]);
}

async fn a_resource_that_a_client_uses_stays(app: TestApp) {
    let mut browser = signed_in(&app, "admin").await;
    let path = stock(&mut browser).await;
    app.create_client("shop", json!({ "audiences": ["https://stock.example"] }))
        .await;
    let text = page(&browser.submit(&format!("{path}/delete"), &[]).await, 409);
    assert!(
        text.contains("client `shop` has it among its audiences"),
        "{text}"
    );
    browser.open(&path).await.is(200);
}

async fn resources_are_listed_page_by_page(app: TestApp) {
    let token = app.admin().await;
    for number in 0..60 {
        let body = json!({ "uri": format!("https://many{number}.example"), "name": "Many", "objects": ["items"] });
        app.post("/api/resources", token, body).await.is(201);
    }
    let mut browser = signed_in(&app, "admin").await;
    let (mut found, mut pages, mut path) = (0, 0, RESOURCES.to_owned());
    loop {
        let text = page(&browser.open(&path).await, 200);
        found += text.matches("<strong>Many").count();
        pages += 1;
        let Some((_, after)) = text.split_once("rel=\"next\" href=\"") else {
            break;
        };
        path = after.split_once('"').unwrap().0.replace("&amp;", "&");
    }
    assert_eq!((found, pages), (60, 2));
}

async fn y461_resources_are_for_those_who_may_read_and_write_them(app: TestApp) {
    app.create_role("reader", &["rolecall.resources:read"])
        .await;
    app.create_user("reader", &["reader"]).await;
    app.create_role("other", &["rolecall.users:read"]).await;
    app.create_user("other", &["other"]).await;
    app.create_user("alice", &[]).await;
    let mut admin = signed_in(&app, "admin").await;
    let path = stock(&mut admin).await;
    let delete = format!("{path}/delete");
    let revision = app.db.revision().await;
    let mut reader = signed_in(&app, "reader").await;
    let text = page(&reader.open(RESOURCES).await, 200);
    assert!(text.contains("Stock") && !text.contains("/new"), "{text}");
    let text = page(&reader.open(&path).await, 200);
    assert!(
        text.contains("items:read") && !text.contains("<form") && !text.contains("/delete"),
        "{text}"
    );
    for path in [NEW, &delete] {
        reader.open(path).await.is(403);
        reader.submit(path, &STOCK).await.is(403);
    }
    reader.submit(&path, &STOCK).await.is(403);
    let mut other = signed_in(&app, "other").await;
    let text = page(&other.open("/admin").await, 200);
    assert!(!text.contains(RESOURCES), "{text}");
    let mut alice = signed_in(&app, "alice").await;
    for path in [RESOURCES, NEW, &path, &delete] {
        other.open(path).await.is(403);
        let text = page(&alice.open(path).await, 403);
        assert!(text.contains("Nothing to administrate"), "{text}");
        let begun = Browser::new(&app).open(path).await;
        let location = begun.is(303).header("location").unwrap();
        assert!(location.starts_with("/login?flow="), "{location}");
    }
    assert_eq!(app.db.revision().await, revision);
}

async fn y464_a_tenant_administrator_sees_no_resources(app: TestApp) {
    let permissions = [
        "rolecall.assignments:read",
        "rolecall.resources:read",
        "rolecall.resources:write",
    ];
    app.create_role("chief", &permissions).await;
    let boss = app.create_user("boss", &[]).await;
    app.assign_in(&boss, "chief", "acme").await;
    let mut admin = signed_in(&app, "admin").await;
    let path = stock(&mut admin).await;
    let mut browser = signed_in(&app, "boss").await;
    let text = page(&browser.open("/admin").await, 200);
    assert!(
        text.contains("Tenant acme") && !text.contains(RESOURCES),
        "{text}"
    );
    for path in [RESOURCES, NEW, &path, &format!("{path}/delete")] {
        let text = page(&browser.open(path).await, 403);
        assert!(!text.contains("Stock"), "{text}");
    }
    for path in [NEW, &path, &format!("{path}/delete")] {
        browser.submit(path, &STOCK).await.is(403);
    }
}

async fn y460_hostile_members_stay_text_on_every_page_of_a_resource(app: TestApp) {
    let hostile = "\"'><script>alert(1)</script>&";
    let mut browser = signed_in(&app, "admin").await;
    let form = [
        ("uri", "https://x.example"),
        ("name", hostile),
        ("objects", "items"),
    ];
    let made = browser.submit(NEW, &form).await;
    let path = made
        .is(303)
        .header("location")
        .unwrap()
        .split('?')
        .next()
        .unwrap()
        .to_owned();
    let query: String = form_urlencoded::byte_serialize(hostile.as_bytes()).collect();
    let members =
        format!("uri={query}&name={query}&objects={query}&default_scope={query}&dynamic={query}");
    for path in [
        RESOURCES.to_owned(),
        format!("{RESOURCES}?after={query}&sort={query}"),
        format!("{NEW}?{members}"),
        format!("{path}?{members}&done={query}"),
        format!("{path}/delete"),
        format!("{RESOURCES}/{query}"),
        format!("{RESOURCES}/{query}/delete"),
    ] {
        let shown = browser.open(&path).await;
        let text = String::from_utf8_lossy(&shown.body).into_owned();
        assert!(!text.contains("<script>alert"), "{path}: {text}");
        assert!(shown.status.as_u16() < 500, "{path}: {}", shown.status);
    }
    let fields =
        ["uri", "name", "objects", "default_scope", "dynamic"].map(|field| (field, hostile));
    for path in [NEW, &path] {
        let text = page(&browser.submit(path, &fields).await, 422);
        assert!(!text.contains("<script>alert"), "{path}: {text}");
    }
}
