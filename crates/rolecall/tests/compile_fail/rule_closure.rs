use rolecall::{GuardedMethods, routing::get};

fn main() {
    let _: GuardedMethods = get(|| async { "items" });
}
