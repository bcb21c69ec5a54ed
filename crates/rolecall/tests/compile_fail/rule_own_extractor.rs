use axum::extract::FromRequestParts;
use http::request::Parts;
use rolecall::{Denial, GuardedMethods, routing::get};

struct CurrentCustomer;

impl<S: Send + Sync> FromRequestParts<S> for CurrentCustomer {
    type Rejection = Denial;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, Denial> {
        Ok(Self)
    }
}

async fn read_orders(_: CurrentCustomer) {}

fn main() {
    let _: GuardedMethods = get(read_orders);
}
