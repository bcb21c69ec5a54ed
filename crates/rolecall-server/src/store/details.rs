//! Changes that stand beside an audit entry, which holds their digest.

use aws_lc_rs::digest;
use serde_json::{Value, json};

use super::chain::hex;

/// The change that holds the number and the digest of the parts beside an entry.
pub(crate) const DETAILS: &str = "audit.details";

/// The digest of the parts that were written beside an entry. INVARIANT: it covers the length of each part.
pub(crate) struct Details {
    pub(super) parts: i64,
    digest: digest::Context,
}

impl Default for Details {
    fn default() -> Self {
        Self {
            parts: 0,
            digest: digest::Context::new(&digest::SHA256),
        }
    }
}

impl Details {
    /// Adds the next part.
    pub(crate) fn add(&mut self, part: &str) {
        self.parts += 1;
        self.digest.update(&(part.len() as u64).to_be_bytes());
        self.digest.update(part.as_bytes());
    }

    /// Returns the change that stands for all parts.
    pub(crate) fn change(self) -> Value {
        let digest = hex(self.digest.finish().as_ref());
        json!({ "action": DETAILS, "parts": self.parts, "sha256": digest })
    }
}
