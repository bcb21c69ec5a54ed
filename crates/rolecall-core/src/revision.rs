/// The number that orders every change of policy, assignment, subject or key.
///
/// It is 0 in an empty database and rises by one with each change.
pub type Revision = i64;
