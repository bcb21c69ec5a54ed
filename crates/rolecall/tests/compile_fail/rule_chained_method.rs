use axum::extract::State;
use rolecall::{Authenticated, GuardedMethods, routing::get};

async fn read_items(_: Authenticated) {}
async fn remove_items(_: State<()>) {}

fn main() {
    let _: GuardedMethods = get(read_items).delete(remove_items);
}
