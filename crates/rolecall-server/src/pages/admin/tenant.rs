//! The tenant in which somebody acts.

use axum::response::Response;
use minijinja::context;
use rolecall::Public;

use super::{
    super::{answers::keep, submitted::Submitted},
    visit::Visit,
};
use crate::http::cookies::{Cookie, CookieJar};

/// The page that offers the tenants.
pub(crate) async fn get_tenant(_: Public, visit: Visit) -> Response {
    visit.show("admin_tenant.html", &context! {})
}

/// Acts in the tenant `tenant` from now on; without one, in none.
pub(crate) async fn post_tenant(_: Public, visit: Visit, form: Submitted) -> Response {
    let wanted = form.get("tenant");
    let known = visit.tenants.iter().find(|one| *one == wanted);
    let mut response = visit.done("/admin", "tenant");
    let jar = CookieJar::of(&visit.app.settings().public_url);
    let cookie = match known {
        Some(tenant) => jar.set(Cookie::AdminTenant, tenant, None),
        None => jar.clear(Cookie::AdminTenant),
    };
    keep(&mut response, cookie);
    response
}
