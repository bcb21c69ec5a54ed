rolecall::roles! { pub mod role { Admin = "admin", Boss = "admin" } }

fn main() {}
