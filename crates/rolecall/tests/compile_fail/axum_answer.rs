use rolecall::{Authenticated, GuardedMethods, routing::get};

struct Item;

async fn read_items(_: Authenticated) -> Item {
    Item
}

fn main() {
    let _: GuardedMethods = get(read_items);
}
