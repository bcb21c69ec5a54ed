use axum::extract::State;
use rolecall::{Authenticated, Guard, GuardedRouter, routing::get};

#[derive(Clone)]
struct Store;

async fn read_items(_: Authenticated, _: State<Store>) {}

fn app(guard: Guard) -> axum::Router {
    GuardedRouter::new(guard).route("/items", get(read_items)).into_axum()
}

fn main() {}
