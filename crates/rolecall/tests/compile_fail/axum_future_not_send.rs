use std::rc::Rc;

use rolecall::{Authenticated, GuardedMethods, routing::get};

async fn read_items(_: Authenticated) {
    let held = Rc::new(());
    std::future::ready(()).await;
    drop(held);
}

fn main() {
    let _: GuardedMethods = get(read_items);
}
