//! The tutorial's application: login, `/items/` for the role `admin`, `/users/` for the role `user`.

use axum::Json;
use rolecall::{GuardedRouter, Require, routing::get};
use rolecall_server::Embedded;
use serde_json::{Value, json};

rolecall::roles! { mod role { Admin = "admin", User = "user" } }

async fn read_items(caller: Require<role::Admin>) -> Json<Value> {
    Json(json!([{ "item_id": "Foo", "owner": caller.username() }]))
}

async fn read_users(caller: Require<role::User>) -> Json<Value> {
    Json(json!([{ "username": caller.username() }]))
}

fn routes(guard: rolecall::Guard) -> GuardedRouter {
    GuardedRouter::new(guard)
        .route("/items/", get(read_items))
        .route("/users/", get(read_users))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let login = Embedded::builder("sqlite:rolecall-data/tutorial.db")
        .min_length(8)
        .demo_user("admin", "yourpassword", &["admin"])
        .demo_user("alice", "yourpassword", &["user"])
        .open()
        .await?;
    let app = routes(login.guard()).merge(login.routes()?).into_axum();
    println!("Listening on http://127.0.0.1:8000 (open http://127.0.0.1:8000/docs)");
    Ok(rolecall_server::serve("127.0.0.1:8000", app).await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rolecall::{
        AccessMatrix, Public,
        testing::{TestIssuer, assert_access_matrix},
    };

    #[test]
    fn the_access_matrix_matches_access_lock() {
        assert_access_matrix("access.lock", role::ALL, routes);
    }

    #[test]
    fn removing_a_guard_changes_the_access_matrix() {
        async fn read_items(_: Public) {}
        let weakened: GuardedRouter = GuardedRouter::new(TestIssuer::new().guard())
            .route("/items/", get(read_items))
            .route("/users/", get(read_users));
        let weakened = AccessMatrix::of(&weakened).roles(role::ALL).to_string();
        let committed = include_str!("../access.lock");
        assert!(committed.contains("| GET /items/ for role:admin\n"));
        assert!(weakened.contains("| GET /items/ for everyone\n"));
        assert_ne!(committed, weakened);
    }
}
