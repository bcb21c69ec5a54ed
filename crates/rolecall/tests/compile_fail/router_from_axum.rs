use rolecall::{Guard, GuardedRouter};

fn from(plain: axum::Router) -> GuardedRouter {
    plain.into()
}

fn merged(guard: Guard, plain: axum::Router) -> GuardedRouter {
    GuardedRouter::new(guard).merge(plain)
}

fn nested(guard: Guard, plain: axum::Router) -> GuardedRouter {
    GuardedRouter::new(guard).nest("/in", plain)
}

fn main() {}
