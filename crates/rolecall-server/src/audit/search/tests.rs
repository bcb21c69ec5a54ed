use std::{path::Path, time::Duration};

use rolecall_core::Timestamp;
use serde_json::json;

use super::*;
use crate::{
    audit::events,
    config::{Config, Sources},
    configured, ids, start,
    store::{Opening, testing::postgres_database},
};

const CALLER: Caller<'_> = Caller::CommandLine {
    system_user: "test",
};
const ROLES: i64 = 23;
const MASTER_KEY: &str = "6f1d83a5c2b94e07f8135d6a9be2470c5d8e91f2a3b4c6d7081929a3bccd5e6f";

async fn open(database: &str) -> App {
    let sources = Sources::default()
        .with_flag("listen", "127.0.0.1:0")
        .with_flag("master_key", MASTER_KEY)
        .with_flag("database.url", database);
    let config = Config::load(&sources).unwrap();
    let options = start::Options {
        opening: Opening::Create,
        ..configured::options(&config, None)
    };
    start::open(options).await.unwrap().app
}

fn sqlite_in(folder: &Path) -> String {
    format!("sqlite:{}", folder.join("rolecall.db").display())
}

/// Fills a log: a few roles and users, one after another, and events of a few people.
async fn fill(app: &App) {
    for number in 0..ROLES {
        let action = if number % 3 == 0 {
            "role.created"
        } else {
            "user.created"
        };
        let name = format!("n{}", number % 5);
        let changed = app.change(CALLER, async |change| {
            change.record(json!({ "action": action, "role": name }));
            Ok(())
        });
        changed.await.unwrap();
        let kind = if number % 4 == 0 {
            "log_in"
        } else {
            "log_in_failed"
        };
        let subject = format!("s{}", number % 2);
        events::record(app, kind, Some(&subject), "127.0.0.1", "")
            .await
            .unwrap();
    }
}

fn filters() -> Vec<Filter> {
    let filter = |who: &str, what: &str, about: &[&str]| Filter {
        who: who.to_owned(),
        what: what.to_owned(),
        about: about.iter().map(ToString::to_string).collect(),
        ..Filter::default()
    };
    vec![
        filter("", "", &[]),
        filter("", "role.", &[]),
        filter("", "role.created", &["n3"]),
        filter("cli:test", "", &["n0", "n1"]),
        filter("system", "", &[]),
        filter("", "nothing", &[]),
    ]
}

/// Follows a search of entries to its end.
async fn all_entries(app: &App, filter: &Filter, limits: Limits) -> Vec<Revision> {
    let (mut found, mut before) = (Vec::new(), None);
    loop {
        let part = entries(app, CALLER, filter, before, limits).await.unwrap();
        assert!(part.rows.len() <= limits.rows);
        found.extend(part.rows.iter().map(|entry| entry.revision));
        assert!(
            part.next
                .is_none_or(|next| before.is_none_or(|before| next < before))
        );
        match part.next {
            Some(next) => before = Some(next),
            None => return found,
        }
    }
}

/// Follows a search of events to its end.
async fn all_events(app: &App, filter: &Filter, limits: Limits) -> Vec<String> {
    let (mut found, mut before) = (Vec::new(), String::new());
    loop {
        let part = events(app, CALLER, filter, &before, limits).await.unwrap();
        assert!(part.rows.len() <= limits.rows);
        found.extend(part.rows.into_iter().map(|event| event.id));
        match part.next {
            Some(next) => before = next,
            None => return found,
        }
    }
}

/// Compares each search, in pages and windows of any size, with a look at every row.
async fn compare(app: &App) {
    let everything = Limits {
        rows: 1000,
        window: 1000,
        queries: 1,
    };
    let all = entries(app, CALLER, &Filter::default(), None, everything)
        .await
        .unwrap()
        .rows;
    let every_event = events(app, CALLER, &Filter::default(), "", everything)
        .await
        .unwrap()
        .rows;
    assert!(all.len() > 23 && every_event.len() == 23);
    for rows in [1, 2, 7, 100] {
        for window in [1, 3, 10, 1000] {
            let limits = Limits {
                rows,
                window,
                queries: 2,
            };
            for filter in filters() {
                let is_by = |actor: &str| filter.who.is_empty() || filter.who == actor;
                let wanted = all
                    .iter()
                    .filter(|one| is_by(&one.actor) && filter.matches(&one.changes));
                let wanted: Vec<Revision> = wanted.map(|one| one.revision).collect();
                let found = all_entries(app, &filter, limits).await;
                assert_eq!(found, wanted, "{filter:?} {limits:?}");
            }
            for (who, kind) in [
                ("", ""),
                ("s1", ""),
                ("", "log_in"),
                ("s0", "log_in"),
                ("s1", "log_in"),
            ] {
                let filter = Filter {
                    who: who.to_owned(),
                    what: kind.to_owned(),
                    ..Filter::default()
                };
                let wanted = every_event.iter().filter(|one| {
                    (who.is_empty() || one.subject_id.as_deref() == Some(who))
                        && (kind.is_empty() || one.kind == kind)
                });
                let wanted: Vec<String> = wanted.map(|one| one.id.clone()).collect();
                let found = all_events(app, &filter, limits).await;
                assert_eq!(found, wanted, "{filter:?} {limits:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_search_finds_what_a_look_at_every_row_finds() {
    let folder = tempfile::tempdir().unwrap();
    let app = Box::pin(open(&sqlite_in(folder.path()))).await;
    fill(&app).await;
    compare(&app).await;
    let later = Filter {
        from: Some(app.now().plus(Duration::from_hours(1))),
        ..Filter::default()
    };
    assert!(all_entries(&app, &later, PAGE).await.is_empty());
}

#[tokio::test]
async fn a_search_finds_the_same_on_postgresql() {
    let Some(url) = postgres_database("audit_search").await else {
        return;
    };
    let app = Box::pin(open(&url)).await;
    fill(&app).await;
    compare(&app).await;
}

#[test]
fn the_beginning_of_an_id_sorts_with_its_time() {
    let time = Timestamp::from_seconds;
    let id = ids::new_id(time(1_900_000_000)).unwrap();
    assert!(id_from(time(1_900_000_000)) < id);
    assert!(id_from(time(1_900_000_001)) > id);
    assert!(id_from(Timestamp::MAX).as_str() < "g");
}
