//! Futures behind a pointer.

use std::pin::Pin;

/// A future behind a pointer: the program holds the code of an `async fn` once for each part of the crate that awaits
/// it, and this once. For functions that do much and are awaited in many places; against the database, the allocation
/// costs nothing.
pub(crate) type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
