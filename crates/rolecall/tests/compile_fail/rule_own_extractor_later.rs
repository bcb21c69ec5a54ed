use axum::{Json, extract::FromRequestParts};
use http::request::Parts;
use rolecall::{Authenticated, Denial, GuardedMethods, routing::post};

struct Language;

impl<S: Send + Sync> FromRequestParts<S> for Language {
    type Rejection = Denial;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, Denial> {
        Ok(Self)
    }
}

async fn add_order(_: Language, _: Authenticated, _: Json<String>) {}

fn main() {
    let _: GuardedMethods = post(add_order);
}
