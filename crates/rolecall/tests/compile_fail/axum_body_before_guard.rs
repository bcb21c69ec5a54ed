use axum::Json;
use rolecall::{Authenticated, GuardedMethods, routing::post};

async fn add_item(_: Json<String>, _: Authenticated) {}

fn main() {
    let _: GuardedMethods = post(add_item);
}
