use rolecall::Require;

#[path = "../policy/permissions.rs"]
mod permissions;

async fn read(_: Require<permissions::may::ReadItem>) {}

fn main() {}
