//! Takes the sample of hashes that unknown names cost.

use crate::{accounts::store, app::App, store::StoreError};

/// Hashes in the sample: a scheme that one in a hundred users has is in it most likely.
const SAMPLE_SIZE: i64 = 256;

/// Takes a new sample if there is none or an old one.
pub(crate) async fn refresh(app: &App) -> Result<(), StoreError> {
    let parts = app.parts();
    if parts.decoys.is_due(parts.clock.monotonic()) {
        take(app).await?;
    }
    Ok(())
}

async fn take(app: &App) -> Result<(), StoreError> {
    let parts = app.parts();
    let stored = store::sample_hashes(&mut app.store().read().await?, SAMPLE_SIZE).await?;
    let decoys = stored.iter().map(|hash| parts.hasher.decoy(hash));
    parts.decoys.replace(decoys, parts.clock.monotonic());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{authority::caller::Caller, error::ApiError};

    const IMPORTED: &str = "$2y$04$abcdefghijklmnopqrstuuMtJwfagkGaCKZ.IMpPJzYjhgL/xnp2C";

    #[tokio::test]
    async fn y062_unknown_names_cost_the_hashes_of_users_in_their_shares() {
        let server = crate::Embedded::builder("sqlite::memory:")
            .demo_user("alice", "a password of alice", &[])
            .demo_user("bob", "a password of bob", &[])
            .open()
            .await
            .unwrap();
        let app = server.app();
        let picks = || {
            let accounts = (0..200).map(|number| app.account_of(&format!("nobody{number}")));
            accounts
                .map(|account| app.parts().decoys.pick(&account))
                .collect::<Vec<_>>()
        };
        take(app).await.unwrap();
        assert!(
            picks().iter().all(Option::is_none),
            "all hashes are current"
        );
        app.change(Caller::System, async |change| {
            let id = store::find_alike(change.conn(), "bob").await?.unwrap();
            store::set_password(change, &id, IMPORTED).await?;
            change.record(serde_json::json!({ "action": "test" }));
            Ok::<_, ApiError>(())
        })
        .await
        .unwrap();
        take(app).await.unwrap();
        let picked = picks();
        let imported: Vec<_> = picked.iter().flatten().collect();
        assert!((50..150).contains(&imported.len()), "{}", imported.len());
        assert!(imported.iter().all(|hash| hash.starts_with("$2y$04$")));
        // the output of nobody's hash is kept
        assert!(imported.iter().all(|hash| !hash.contains("MtJwfagkGaCKZ")));
        assert_eq!(picks(), picked, "a name always costs the same");
    }
}
