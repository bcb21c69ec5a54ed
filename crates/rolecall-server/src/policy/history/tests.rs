use rolecall::{Clock as _, ManualClock, SystemClock};

use super::*;
use crate::{
    Embedded,
    policy::apply::{self, IfMatch},
    roles::permissions,
    store::testing::postgres_database,
};

const CALLER: Caller<'_> = Caller::CommandLine {
    system_user: "root",
};

/// Runs a test on SQLite, and on PostgreSQL if there is one. The time stands still: a test that takes a minute would find
/// a version that the chores have kept.
async fn on_both(name: &str, test: impl AsyncFn(&App)) {
    let clock = ManualClock::at(SystemClock.now());
    let builder = Embedded::builder("sqlite::memory:").clock(clock.clone());
    test(builder.open().await.unwrap().app()).await;
    if let Some(url) = postgres_database(name).await {
        let server = Embedded::builder(&url)
            .clock(clock)
            .master_key("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")
            .open()
            .await
            .unwrap();
        test(server.app()).await;
    }
}

async fn put(app: &App, text: &str) {
    let parsed = Document::parse(text).unwrap();
    apply::apply(app, CALLER, &parsed, &IfMatch::Any)
        .await
        .unwrap();
}

async fn create(app: &App, permission: &str, description: &str) {
    let permission = permission.parse().unwrap();
    permissions::create(app, CALLER, &permission, description)
        .await
        .unwrap();
}

/// Returns the documents of all versions, the newest first.
async fn documents(app: &App) -> Vec<Document> {
    let versions = list(app, CALLER, Revision::MAX, 1000).await.unwrap();
    let mut documents = Vec::new();
    for version in versions {
        assert!(version.at.is_some());
        let parsed = document(app, CALLER, version.revision).await.unwrap();
        documents.push(parsed.document);
    }
    documents
}

fn names(documents: &[Document]) -> Vec<Vec<&str>> {
    let names = documents.iter().map(|one| {
        one.permissions
            .keys()
            .map(rolecall_core::Permission::as_str)
            .collect()
    });
    names.collect()
}

const READ: &str = "[permissions]\n\"items:read\" = \"\"\n";
const WRITE: &str = "[permissions]\n\"items:write\" = \"\"\n";

#[tokio::test]
async fn each_document_is_kept_with_the_one_before() {
    on_both("history_1", async |app| {
        put(app, READ).await;
        put(app, WRITE).await;
        let kept = documents(app).await;
        assert_eq!(names(&kept)[..2], [["items:write"], ["items:read"]]);
        // the policy of a new database
        assert_eq!(kept.len(), 3);
        assert!(kept[2].permissions.is_empty());
    })
    .await;
}

#[tokio::test]
async fn what_changes_nothing_is_not_kept() {
    on_both("history_2", async |app| {
        put(app, READ).await;
        let kept = documents(app).await.len();
        put(app, READ).await;
        assert!(!note(app).await.unwrap());
        assert_eq!(documents(app).await.len(), kept);
    })
    .await;
}

#[tokio::test]
async fn single_edits_are_kept_as_they_add_up() {
    on_both("history_3", async |app| {
        put(app, READ).await;
        create(app, "items:print", "Print").await;
        create(app, "items:share", "Share").await;
        assert!(note(app).await.unwrap());
        assert!(!note(app).await.unwrap());
        let kept = documents(app).await;
        assert_eq!(
            names(&kept)[0],
            ["items:print", "items:read", "items:share"]
        );
        assert_eq!(names(&kept)[1], ["items:read"]);
    })
    .await;
}

#[tokio::test]
async fn single_edits_before_a_document_are_kept_with_it() {
    on_both("history_4", async |app| {
        put(app, READ).await;
        create(app, "items:print", "Print").await;
        put(app, WRITE).await;
        let kept = documents(app).await;
        assert_eq!(
            names(&kept)[..3],
            [
                vec!["items:write"],
                vec!["items:print", "items:read"],
                vec!["items:read"]
            ]
        );
        let text = &kept[1].permissions["items:print"
            .parse::<rolecall_core::Permission>()
            .as_ref()
            .unwrap()];
        assert_eq!(text, "Print");
    })
    .await;
}

#[tokio::test]
async fn a_policy_that_is_the_same_again_is_not_kept_twice() {
    on_both("history_5", async |app| {
        put(app, READ).await;
        let kept = documents(app).await.len();
        create(app, "items:print", "").await;
        let print = "items:print".parse().unwrap();
        permissions::delete(app, CALLER, &print).await.unwrap();
        assert!(!note(app).await.unwrap());
        assert_eq!(documents(app).await.len(), kept);
        // and it is not read again and again
        let mut conn = app.store().read().await.unwrap();
        let newest = store::newest(&mut conn).await.unwrap().unwrap();
        assert_eq!(
            newest.seen_revision,
            read_head(&mut conn).await.unwrap().policy_revision
        );
    })
    .await;
}

#[tokio::test]
async fn the_policy_before_a_change_is_kept_when_the_change_is_made() {
    on_both("history_before", async |app| {
        put(app, READ).await;
        let kept = documents(app).await.len();
        let present = before(app).await.unwrap();
        create(app, "items:print", "Print").await;
        let revision = keep_before(app, &present).await.unwrap();
        assert_eq!(documents(app).await.len(), kept, "it is kept already");
        let found = document(app, CALLER, revision).await.unwrap().document;
        assert_eq!(names(&[found]), [["items:read"]]);

        let present = before(app).await.unwrap();
        create(app, "items:share", "Share").await;
        assert_eq!(documents(app).await.len(), kept, "nothing is made yet");
        let revision = keep_before(app, &present).await.unwrap();
        assert_eq!(documents(app).await.len(), kept + 1);
        let found = document(app, CALLER, revision).await.unwrap().document;
        assert_eq!(names(&[found]), [["items:print", "items:read"]]);

        let present = before(app).await.unwrap();
        put(app, WRITE).await;
        let kept = documents(app).await.len();
        let revision = keep_before(app, &present).await.unwrap();
        assert_eq!(documents(app).await.len(), kept, "the document kept it");
        let found = document(app, CALLER, revision).await.unwrap().document;
        let names_before = [["items:print", "items:read", "items:share"]];
        assert_eq!(names(&[found]), names_before);
    })
    .await;
}

#[tokio::test]
async fn the_changes_between_two_versions_lead_from_one_to_the_other() {
    on_both("history_6", async |app| {
        put(app, READ).await;
        put(app, WRITE).await;
        create(app, "items:print", "").await;
        let versions = list(app, CALLER, Revision::MAX, 1000).await.unwrap();
        let (write, read) = (versions[0].revision, versions[1].revision);
        let text = |changes: Vec<PolicyChange>| -> Vec<String> {
            changes.iter().map(ToString::to_string).collect()
        };
        let found = changes(app, CALLER, read, Some(write)).await.unwrap();
        assert_eq!(
            text(found),
            ["+ permission items:write", "- permission items:read"]
        );
        let found = changes(app, CALLER, write, None).await.unwrap();
        assert_eq!(text(found), ["+ permission items:print"]);
    })
    .await;
}

#[tokio::test]
async fn going_back_restores_the_document_and_is_a_version_itself() {
    on_both("history_7", async |app| {
        put(app, READ).await;
        put(app, WRITE).await;
        let versions = list(app, CALLER, Revision::MAX, 1000).await.unwrap();
        let old = document(app, CALLER, versions[1].revision).await.unwrap();
        apply::apply(app, CALLER, &old, &IfMatch::Any)
            .await
            .unwrap();
        let now = service::show(app, CALLER).await.unwrap();
        assert_eq!(now.document, old.document);
        let newest = list(app, CALLER, Revision::MAX, 1).await.unwrap();
        assert_eq!(newest[0].digest, now.tag);
        assert_eq!(documents(app).await.len(), versions.len() + 1);
    })
    .await;
}

#[tokio::test]
async fn the_oldest_versions_go_first() {
    on_both("history_8", async |app| {
        app.store()
            .write(async |conn: &mut Conn| {
                for revision in 1001..=1010 {
                    store::insert(conn, revision, "x", "0123456789").await?;
                }
                store::prune(conn, 7, 1000).await?;
                assert_eq!(store::list(conn, Revision::MAX, 100).await?.len(), 7);
                store::prune(conn, 7, 35).await?;
                let left = store::list(conn, Revision::MAX, 100).await?;
                let left: Vec<Revision> = left.iter().map(|one| one.revision).collect();
                assert_eq!(left, [1010, 1009, 1008]);
                // the newest stays, however large it is
                store::prune(conn, 7, 1).await?;
                assert_eq!(store::list(conn, Revision::MAX, 100).await?.len(), 1);
                Ok::<_, ApiError>(())
            })
            .await
            .unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_revision_without_a_version_is_refused() {
    on_both("history_9", async |app| {
        let refused = text(app, CALLER, 12345).await.unwrap_err();
        assert_eq!(refused.to_string(), "no version of the policy `12345`");
        let nobody = Caller::Own {
            user_id: "nobody",
            session: "",
        };
        assert!(
            list(app, nobody, Revision::MAX, 10)
                .await
                .unwrap_err()
                .is_refusal()
        );
        assert!(text(app, nobody, 1).await.unwrap_err().is_refusal());
        assert!(
            changes(app, nobody, 1, None)
                .await
                .unwrap_err()
                .is_refusal()
        );
    })
    .await;
}
