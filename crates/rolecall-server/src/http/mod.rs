//! temp
use axum::extract::FromRequestParts;
use http::request::Parts;
pub struct ClientAddress(String);
impl ClientAddress {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
impl<S: Send + Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = std::convert::Infallible;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let peer = parts
            .extensions
            .get::<axum::extract::ConnectInfo<std::net::SocketAddr>>();
        Ok(Self(peer.map_or_else(
            || "127.0.0.1".into(),
            |p| p.0.ip().to_string(),
        )))
    }
}
