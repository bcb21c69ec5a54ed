//! rolecall's authorization server, as a library: embed it in an axum application, or run the binary.

mod audit;
pub(crate) mod store;

pub use store::{OpenError, Store, StoreError};

#[cfg(test)]
async fn probe(store: &Store, chain: &audit::Chain) {
    fn is_send<T: Send>(t: T) -> T { t }
    let name = String::from("x");
    let n = &name;
    let fut = is_send(store.change(chain, &store::Actor::System, rolecall_core::Timestamp::default(), async |change: &mut store::Change<'_>| {
        change.tell(serde_json::json!({"a": n}));
        let h = store::read_head(change.conn()).await?;
        Ok::<_, StoreError>(h.revision)
    }));
    let _ = fut.await;
}
