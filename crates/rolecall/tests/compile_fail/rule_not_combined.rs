use rolecall::{AnyOf, Require};

rolecall::roles! { mod role { Admin = "admin", Editor = "editor" } }

async fn both(_: Require<(role::Admin, role::Editor)>) {}

async fn one(_: Require<AnyOf<role::Admin>>) {}

async fn text(_: Require<&'static str>) {}

fn main() {}
