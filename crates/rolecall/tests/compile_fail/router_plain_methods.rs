use rolecall::{Guard, GuardedRouter};

fn app(guard: Guard) -> GuardedRouter {
    GuardedRouter::new(guard).route("/items", axum::routing::get(|| async { "items" }))
}

fn main() {}
