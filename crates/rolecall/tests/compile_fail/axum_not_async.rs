use rolecall::{Authenticated, GuardedMethods, routing::get};

fn read_items(_: Authenticated) -> &'static str {
    "items"
}

fn main() {
    let _: GuardedMethods = get(read_items);
}
