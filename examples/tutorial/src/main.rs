//! The tutorial's application: login, `/items/` for the role `admin`, `/users/` for the role `user`.

use axum::Json;
use rolecall::{GuardedRouter, Require, routing::get};
use rolecall_server::{Embedded, Server, bind_next_free};
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};

rolecall::roles! { mod role { Admin = "admin", User = "user" } }

#[derive(Serialize, ToSchema)]
struct Item {
    item_id: &'static str,
    owner: String,
}

#[derive(Serialize, ToSchema)]
struct User {
    username: String,
}

/// Read the items.
#[utoipa::path(get, path = "/items/", responses((status = 200, description = "The items", body = [Item])))]
async fn read_items(caller: Require<role::Admin>) -> Json<Vec<Item>> {
    let owner = caller.username().to_owned();
    Json(vec![Item {
        item_id: "Foo",
        owner,
    }])
}

/// Read the users.
#[utoipa::path(get, path = "/users/", responses((status = 200, description = "The users", body = [User])))]
async fn read_users(caller: Require<role::User>) -> Json<Vec<User>> {
    let username = caller.username().to_owned();
    Json(vec![User { username }])
}

#[derive(OpenApi)]
#[openapi(
    paths(read_items, read_users),
    info(title = "Tutorial", version = "1.0.0")
)]
struct Document;

fn routes(guard: rolecall::Guard) -> GuardedRouter {
    GuardedRouter::new(guard)
        .route("/items/", get(read_items))
        .route("/users/", get(read_users))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listener = bind_next_free("127.0.0.1:8000").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let login = Embedded::builder("sqlite:rolecall-data/tutorial.db")
        .public_url(&url)
        .min_length(8)
        .demo_user("admin", "yourpassword", &["admin"])
        .demo_user("alice", "yourpassword", &["user"])
        .open()
        .await?;
    let app = login
        .with_application(routes(login.guard()))
        .document(Document::openapi())
        .routes()?;
    println!("Listening on {url} (open {url}/docs)");
    Server::new(app).serve_on(listener).await;
    Ok(())
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
