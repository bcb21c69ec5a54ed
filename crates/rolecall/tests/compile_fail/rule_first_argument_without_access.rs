use axum::extract::Query;
use rolecall::{Authenticated, GuardedMethods, routing::post};

async fn add_item(_: Query<String>, _: Authenticated) {}

fn main() {
    let _: GuardedMethods = post(add_item);
}
