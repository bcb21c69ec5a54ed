// Written by `rolecall policy rust`: change the policy and write it again.

rolecall::roles! {
    /// The roles.
    pub mod role {
        /// looks after everything
        Admin = "admin",
        User = "user",
    }
}

rolecall::permissions! {
    /// The permissions.
    pub mod may {
        /// see items
        ReadItems = "items:read",
        /// change items
        WriteItems = "items:write",
    }
}
