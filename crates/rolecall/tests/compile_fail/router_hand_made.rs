use rolecall::{Authenticated, Require, Rule};

rolecall::roles! { pub mod role { Admin = "admin" } }

struct Mine;

impl rolecall::AccessRule for Mine {
    const RULE: Rule = Rule::Public;
}

fn main() {
    let _ = Require::<role::Admin> {};
    let _ = |caller| Authenticated(caller);
    let _ = rolecall::Principal {};
}
