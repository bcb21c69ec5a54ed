rolecall::roles! { pub mod role { Admin = "Admin", Spaced = "two words", Empty = "" } }

fn main() {}
