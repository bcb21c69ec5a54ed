use rolecall::{AllOf, AnyOf, GuardedMethods, Require, routing::get};

rolecall::roles! { pub mod role { A = "a", B = "b" } }

type TwoDeep = AnyOf<(role::A, AllOf<(role::A, role::B)>)>;

async fn read_items(_: Require<AllOf<(role::A, TwoDeep)>>) {}

fn main() {
    let _: GuardedMethods = get(read_items);
}
