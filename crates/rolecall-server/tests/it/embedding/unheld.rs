//! The warning of roles and permissions that routes require and nobody can hold.

use rolecall::{GuardedRouter, Require, routing::get};
use rolecall_server::Embedded;

rolecall::roles! { mod role { Editor = "editor", Reader = "reader" } }
rolecall::permissions! { mod may { Read = "items:read", Write = "items:write" } }

async fn edit(_: Require<role::Editor>) {}
async fn read(_: Require<rolecall::AnyOf<(role::Reader, may::Read)>>) {}
async fn write(_: Require<may::Write>) {}

#[tokio::test]
async fn names_that_the_policy_does_not_give_are_reported() {
    let names = async |document: &str| {
        let builder = Embedded::builder("sqlite::memory:").policy(document);
        let login = builder.open().await.unwrap();
        let router: GuardedRouter = GuardedRouter::new(login.guard())
            .route("/edit", get(edit))
            .route("/items", get(read).post(write))
            .merge(login.routes().unwrap());
        router.unheld_names()
    };
    let document = "[permissions]\n\"items:read\" = \"\"\n\"items:write\" = \"\"\n\
        [roles.reader]\npermissions = [\"items:read\"]\n";
    assert_eq!(names(document).await, ["items:write", "role:editor"]);
    let whole = format!("{document}[roles.editor]\npermissions = [\"items:*\"]\n");
    // rolecall's own routes require nothing that nobody can hold
    assert_eq!(names(&whole).await, Vec::<String>::new());
}
