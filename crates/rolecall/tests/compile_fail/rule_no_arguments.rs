use rolecall::{GuardedMethods, routing::get};

async fn read_items() -> &'static str {
    "items"
}

fn main() {
    let _: GuardedMethods = get(read_items);
}
