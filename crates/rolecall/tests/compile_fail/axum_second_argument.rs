use rolecall::{Authenticated, GuardedMethods, routing::get};

async fn read_items(_: Authenticated, _: u32) {}

fn main() {
    let _: GuardedMethods = get(read_items);
}
