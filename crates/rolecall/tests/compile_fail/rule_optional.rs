use rolecall::{GuardedMethods, Require, routing::get};

rolecall::roles! { mod role { Admin = "admin" } }

async fn read_items(_: Option<Require<role::Admin>>) {}

fn main() {
    let _: GuardedMethods = get(read_items);
}
