//! The exchange of legacy tokens for access tokens, in a guard.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use rolecall::{Denial, Exchange, Exchanged, Guard};

use super::{stand_in, token};
use crate::{app::App, error};

/// Exchanges legacy tokens for the guard of an application.
pub(crate) struct LegacyExchange {
    app: App,
    /// The same guard without an exchange, which verifies cached stand-ins.
    plain: Guard,
}

impl LegacyExchange {
    pub(crate) fn new(app: App, plain: Guard) -> Self {
        Self { app, plain }
    }
}

impl Exchange for LegacyExchange {
    fn exchange(&self, token: &str) -> Option<Exchanged> {
        let legacy = self.app.parts().legacy.as_ref()?;
        let claims = match token::read(legacy, token, self.app.now())? {
            Ok(claims) => claims,
            Err(token::Ended) => return Some(Box::pin(async { Err(Denial::EndedToken) })),
        };
        let mut key = [0; 32];
        key.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
        if let Some(known) = legacy.stand_ins.get(&key) {
            if self.plain.verify(&known).is_ok() {
                return Some(Box::pin(async { Ok(known) }));
            }
            legacy.stand_ins.remove(&key);
        }
        let app = self.app.clone();
        Some(Box::pin(async move {
            match stand_in::for_claims(&app, &claims).await {
                Ok(Some(stand_in)) => {
                    let stand_in: Arc<str> = stand_in.into();
                    if let Some(legacy) = &app.parts().legacy {
                        legacy.stand_ins.insert(key, Arc::clone(&stand_in));
                    }
                    Ok(stand_in)
                }
                Ok(None) => Err(Denial::EndedToken),
                Err(failed) => {
                    tracing::error!(error = %error::chain_of(&failed), "a legacy token could not be exchanged");
                    Err(Denial::Unavailable)
                }
            }
        }))
    }
}
