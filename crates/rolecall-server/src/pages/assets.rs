//! The files of the pages that are in the binary.

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

pub(super) const STYLE: &str = include_str!("../../assets/pages/style.css");
pub(super) const SCRIPT: &str = include_str!("../../assets/pages/form-post.js");

/// The script that sends each form once.
pub(super) const SUBMIT: &str = include_str!("../../assets/pages/submit.js");
pub(super) const PASSKEYS: &str = include_str!("../../assets/pages/passkeys.js");

/// The style sheet that the pages for administrators have beside that of all pages.
pub(super) const ADMIN_STYLE: &str = concat!(
    include_str!("../../assets/pages/admin/admin.css"),
    include_str!("../../assets/pages/admin/rules.css"),
    include_str!("../../assets/pages/admin/clients.css"),
    include_str!("../../assets/pages/admin/operate.css"),
);
/// The script of the pages for administrators, which work without it.
pub(super) const ADMIN_SCRIPT: &str = include_str!("../../assets/pages/admin/admin.js");

/// Returns the version of a file, which its URL ends in, so that browsers cache the file until it changes.
pub(super) fn version(body: &[u8]) -> String {
    let digest = digest(&SHA256, body);
    let short: Vec<u8> = digest.as_ref().iter().copied().take(9).collect();
    URL_SAFE_NO_PAD.encode(short)
}
