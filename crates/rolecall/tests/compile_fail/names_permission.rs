rolecall::permissions! { pub mod may { Read = "read", All = "items:*", Admin = "role:admin" } }

fn main() {}
