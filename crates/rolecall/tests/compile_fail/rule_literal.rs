use rolecall::Require;

async fn read_items(_: Require<"admin">) {}

fn main() {}
