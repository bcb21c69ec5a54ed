//! The audit log on the pages.

use std::time::Duration;

use serde_json::{Value, json};

use super::{has, lacks, page, signed_in};
use crate::support::{PASSWORD, TestApp, WRONG, on_both};

on_both![
    the_log_is_searched_by_who_what_about_and_when,
    people_are_links_and_a_wrong_time_is_named,
    every_entry_is_on_one_page_of_the_list_and_in_the_file,
    events_are_searched_and_each_has_an_address,
    an_entry_shows_all_its_members_and_those_beside_it,
    what_is_hostile_in_a_filter_is_text,
    the_log_is_verified_and_a_change_of_it_is_found,
    the_log_is_for_those_who_may_read_it,
    a_tenant_administrator_sees_no_log,
];

const AUDIT: &str = "/admin/audit";

/// Returns the numbers of the entries on a page of the list.
fn revisions(page: &str) -> Vec<i64> {
    let links = page.split("href=\"/admin/audit/").skip(1);
    let numbers = links.map(|link| link.split('"').next().unwrap_or_default());
    numbers.filter_map(|number| number.parse().ok()).collect()
}

/// Returns the address of the next page.
fn next(page: &str) -> Option<String> {
    let (_, after) = page.split_once("rel=\"next\" href=\"")?;
    let href = after.split('"').next()?;
    Some(href.replace("&amp;", "&"))
}

/// Returns all entries by the API, newest first.
async fn by_api(app: &TestApp) -> Vec<Value> {
    let pages = app.pages("/api/audit?limit=200", app.admin().await).await;
    let items = pages
        .iter()
        .map(|page| page.json["items"].as_array().cloned());
    items.flatten().flatten().collect()
}

/// Makes changes by two administrators, minutes apart; returns the ids of `alice` and of the second one.
async fn furnish(app: &TestApp) -> (String, String) {
    app.create_role("editor", &["items:read"]).await;
    let alice = app.create_user("alice", &["editor"]).await;
    let second = app.create_user("second", &["rolecall.admin"]).await;
    app.pass_time(Duration::from_mins(5));
    let by_second = app.log_in("second").await;
    let role = json!({ "name": "third" });
    app.post("/api/roles", &by_second, role).await.is(201);
    app.unassign(&alice, "editor").await;
    (alice, second)
}

async fn the_log_is_searched_by_who_what_about_and_when(app: TestApp) {
    let (alice, second) = furnish(&app).await;
    let mut browser = signed_in(&app, "admin").await;
    let all = by_api(&app).await;
    let wanted = |is_one: &dyn Fn(&Value) -> bool| -> Vec<i64> {
        let found = all.iter().filter(|entry| is_one(entry));
        found
            .map(|entry| entry["revision"].as_i64().unwrap())
            .collect()
    };
    let any = |entry: &Value, is_one: &dyn Fn(&Value) -> bool| {
        entry["changes"].as_array().unwrap().iter().any(is_one)
    };
    let at = |entry: &Value| entry["at"].as_str().unwrap().to_owned();
    let newest = at(&all[0]);
    let minute = &newest[..16];
    let by_second_id = format!("user:{second}");
    let action = |entry: &Value, begin: &str| {
        any(entry, &|one| {
            one["action"].as_str().unwrap().starts_with(begin)
        })
    };
    let cases = [
        (String::new(), wanted(&|_| true)),
        (
            "who=second".to_owned(),
            wanted(&|one| one["actor"] == *by_second_id),
        ),
        (
            format!("who={by_second_id}"),
            wanted(&|one| one["actor"] == *by_second_id),
        ),
        (
            "who=system".to_owned(),
            wanted(&|one| one["actor"] == "system"),
        ),
        ("what=role.".to_owned(), wanted(&|one| action(one, "role."))),
        ("what=ROLE.".to_owned(), Vec::new()),
        ("what=role%25".to_owned(), Vec::new()),
        (
            "about=alice".to_owned(),
            wanted(&|one| any(one, &|change| change["subject"] == *alice)),
        ),
        (
            "about=editor&what=role.unassigned".to_owned(),
            wanted(&|one| action(one, "role.unassigned")),
        ),
        (
            format!("from={minute}"),
            wanted(&|one| &at(one)[..16] >= minute),
        ),
        (
            format!("until={minute}"),
            wanted(&|one| &at(one)[..16] < minute),
        ),
        (format!("from={minute}&until={minute}"), Vec::new()),
        ("who=nobody-is-called-that".to_owned(), Vec::new()),
    ];
    for (query, expected) in cases {
        let shown = page(&browser.open(&format!("{AUDIT}?{query}")).await, 200);
        assert_eq!(revisions(&shown), expected, "{query}");
        if expected.is_empty() {
            has(&shown, &["Nothing matches."]);
        }
    }
    assert!(!wanted(&|one| action(one, "role.unassigned")).is_empty());
}

async fn people_are_links_and_a_wrong_time_is_named(app: TestApp) {
    let (alice, second) = furnish(&app).await;
    let mut browser = signed_in(&app, "admin").await;
    let shown = page(&browser.open(AUDIT).await, 200);
    has(&shown, &[">second</a>", &format!("/admin/users/{second}")]);
    // whom it is about has a name, too
    has(
        &shown,
        &["role.unassigned", &format!("subject={alice} (alice)")],
    );
    let wrong = page(&browser.open(&format!("{AUDIT}?from=noon")).await, 422);
    has(&wrong, &["href=\"#from\"", "value=\"noon\""]);
}

async fn every_entry_is_on_one_page_of_the_list_and_in_the_file(app: TestApp) {
    for number in 0..60 {
        app.create_role(&format!("role-{number}"), &[]).await;
    }
    let mut browser = signed_in(&app, "admin").await;
    let all = by_api(&app).await;
    let expected: Vec<i64> = all
        .iter()
        .map(|entry| entry["revision"].as_i64().unwrap())
        .collect();
    for filter in ["", "?what=role.created"] {
        let (mut found, mut address) = (Vec::new(), Some(format!("{AUDIT}{filter}")));
        while let Some(path) = address {
            let shown = page(&browser.open(&path).await, 200);
            found.extend(revisions(&shown));
            address = next(&shown);
        }
        let is_one =
            |entry: &&Value| filter.is_empty() || entry["changes"][0]["action"] == "role.created";
        let wanted = all.iter().filter(is_one).count();
        assert_eq!(found.len(), wanted, "{filter}");
        assert!(found.iter().all(|one| expected.contains(one)));
        assert!(found.windows(2).all(|two| two[0] > two[1]), "{found:?}");
        let file = browser.open(&format!("{AUDIT}/export{filter}")).await;
        assert_eq!(file.is(200).header("cache-control"), Some("no-store"));
        assert!(
            file.header("content-disposition")
                .unwrap()
                .starts_with("attachment; ")
        );
        let items = file.json["items"].as_array().unwrap();
        let of_file: Vec<i64> = items
            .iter()
            .map(|entry| entry["revision"].as_i64().unwrap())
            .collect();
        assert_eq!(of_file, found, "{filter}");
        assert!(file.json["next"].is_null());
    }
    let file = browser.open(&format!("{AUDIT}/export")).await;
    assert_eq!(file.json["items"].as_array(), Some(&all));
}

async fn events_are_searched_and_each_has_an_address(app: TestApp) {
    let alice = app.create_user("alice", &[]).await;
    app.password_grant("alice", PASSWORD).await.is(200);
    app.pass_time(Duration::from_mins(5));
    app.password_grant("alice", WRONG).await.wrong_password();
    app.password_grant("nobody", WRONG).await.wrong_password();
    let mut browser = signed_in(&app, "admin").await;
    let events = app
        .get("/api/audit?kind=event&limit=200", app.admin().await)
        .await;
    let events = events.json["items"].as_array().unwrap().clone();
    let newest = events[0]["at"].as_str().unwrap();
    let minute = &newest[..16];
    let is_late = |event: &Value| &event["at"].as_str().unwrap()[..16] >= minute;
    let wanted = |is_one: &dyn Fn(&Value) -> bool| -> Vec<String> {
        let found = events.iter().filter(|event| is_one(event));
        found
            .map(|event| event["id"].as_str().unwrap().to_owned())
            .collect()
    };
    let cases = [
        (String::new(), wanted(&|_| true)),
        (
            "&who=alice".to_owned(),
            wanted(&|one| one["subject"] == *alice),
        ),
        (
            format!("&who=user:{alice}"),
            wanted(&|one| one["subject"] == *alice),
        ),
        (
            "&who=alice&what=log_in_failed".to_owned(),
            wanted(&|one| one["subject"] == *alice && one["kind"] == "log_in_failed"),
        ),
        (
            "&what=log_in".to_owned(),
            wanted(&|one| one["kind"] == "log_in"),
        ),
        (format!("&from={minute}"), wanted(&is_late)),
        (format!("&until={minute}"), wanted(&|one| !is_late(one))),
    ];
    for (query, expected) in cases {
        let path = format!("{AUDIT}?kind=events{query}");
        let shown = page(&browser.open(&path).await, 200);
        let found = shown.matches("href=\"/admin/audit/0").count();
        assert_eq!(found, expected.len(), "{query}: {expected:?}");
        for id in &expected {
            has(&shown, &[&format!("href=\"/admin/audit/{id}\"")]);
        }
        assert!(!expected.is_empty(), "{query}");
        let file = browser
            .open(&format!("{AUDIT}/export?kind=events{query}"))
            .await;
        assert_eq!(file.items("id"), expected);
    }
    let failed = events
        .iter()
        .find(|one| one["kind"] == "log_in_failed" && one["subject"] == *alice);
    let id = failed.unwrap()["id"].as_str().unwrap();
    let shown = page(&browser.open(&format!("{AUDIT}/{id}")).await, 200);
    has(&shown, &["log_in_failed", ">alice</a>"]);
    browser
        .open(&format!("{AUDIT}/no-such-event"))
        .await
        .is(404);
}

async fn an_entry_shows_all_its_members_and_those_beside_it(app: TestApp) {
    let alice = app.create_user("alice", &["user"]).await;
    let mut browser = signed_in(&app, "admin").await;
    let entry = by_api(&app).await.into_iter().next().unwrap();
    let shown = page(
        &browser
            .open(&format!("{AUDIT}/{}", entry["revision"]))
            .await,
        200,
    );
    has(
        &shown,
        &[
            &format!("{alice} (alice)"),
            "role.assigned",
            "user.created",
            entry["mark"].as_str().unwrap(),
            ">admin</a>",
        ],
    );
    // the first entry holds the built-in roles beside it
    let shown = page(&browser.open(&format!("{AUDIT}/1")).await, 200);
    has(&shown, &["permission.granted", "rolecall.admin"]);
    browser.open(&format!("{AUDIT}/999999")).await.is(404);
    browser.open(&format!("{AUDIT}/-1")).await.is(404);
}

async fn what_is_hostile_in_a_filter_is_text(app: TestApp) {
    let mut browser = signed_in(&app, "admin").await;
    for hostile in [
        "%3Cprobe%3E%22%27--",
        "%25%27%20OR%201%3D1--",
        "!_%25",
        "%00",
        "user:%3Cprobe%3E",
        "99999999999999999999",
    ] {
        for kind in ["", "&kind=events"] {
            for member in ["who", "what", "about", "after"] {
                let path = format!("{AUDIT}?{member}={hostile}{kind}");
                let shown = page(&browser.open(&path).await, 200);
                lacks(&shown, &["<probe"]);
            }
        }
        let entry = browser.open(&format!("{AUDIT}/{hostile}")).await;
        assert!(
            [400, 404].contains(&entry.status.as_u16()),
            "{hostile}: {}",
            entry.status
        );
    }
}

async fn the_log_is_verified_and_a_change_of_it_is_found(app: TestApp) {
    app.create_role("editor", &[]).await;
    let verify = format!("{AUDIT}/verify");
    let mut browser = signed_in(&app, "admin").await;
    has(
        &page(&browser.open(&verify).await, 200),
        &["Mark that you kept"],
    );
    let shown = page(&browser.submit(&verify, &[("mark", "")]).await, 200);
    let newest = by_api(&app).await[0].clone();
    let mark = format!(
        "{}:{}",
        newest["revision"],
        newest["mark"].as_str().unwrap()
    );
    has(&shown, &["Intact", &mark]);
    app.create_role("viewer", &[]).await;
    let shown = page(&browser.submit(&verify, &[("mark", &mark)]).await, 200);
    has(&shown, &["Intact"]);
    let wrong = page(&browser.submit(&verify, &[("mark", "<probe>")]).await, 422);
    has(&wrong, &["href=\"#mark\""]);
    let other = "0".repeat(64);
    let shown = page(&browser.submit(&verify, &[("mark", &other)]).await, 200);
    has(&shown, &["Altered", "No entry has that mark"]);
    app.db
        .execute("UPDATE audit SET actor = 'cli:eve' WHERE revision = 2")
        .await;
    let shown = page(&browser.submit(&verify, &[("mark", "")]).await, 200);
    has(&shown, &["Altered", "Entry 2 was changed"]);
    lacks(&shown, &["Intact"]);
}

async fn the_log_is_for_those_who_may_read_it(app: TestApp) {
    app.create_role("auditor", &["rolecall.audit:read"]).await;
    app.create_role("reader", &["rolecall.users:read"]).await;
    app.create_user("auditor", &["auditor"]).await;
    app.create_user("reader", &["reader"]).await;
    app.create_user("alice", &[]).await;
    let pages =
        ["", "?kind=events", "/export", "/verify", "/1"].map(|page| format!("{AUDIT}{page}"));
    let mut auditor = signed_in(&app, "auditor").await;
    for path in &pages {
        let shown = auditor.open(path).await;
        // names of users are for those who may read users
        lacks(&page(&shown, 200), &["/admin/users", ">alice<", "(alice)"]);
    }
    auditor.submit(&pages[3], &[]).await.is(200);
    has(
        &page(&auditor.open("/admin").await, 200),
        &["href=\"/admin/audit\""],
    );
    for username in ["reader", "alice"] {
        let mut browser = signed_in(&app, username).await;
        for path in &pages {
            browser.open(path).await.is(403);
        }
        browser.submit(&pages[3], &[]).await.is(403);
    }
}

async fn a_tenant_administrator_sees_no_log(app: TestApp) {
    app.create_role(
        "chief",
        &["rolecall.audit:read", "rolecall.assignments:read"],
    )
    .await;
    let boss = app.create_user("boss", &[]).await;
    app.assign_in(&boss, "chief", "acme").await;
    let mut browser = signed_in(&app, "boss").await;
    has(&page(&browser.open("/admin").await, 200), &["Tenant acme"]);
    for path in ["", "/export", "/verify", "/1"] {
        browser.open(&format!("{AUDIT}{path}")).await.is(403);
    }
}
