use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use http::{Extensions, request::Parts};

use crate::{Denial, Guard, Principal};

/// A request extension in which the router leaves its guard and the admitted caller for the extractors.
#[derive(Clone)]
pub(crate) struct Admitted {
    pub(crate) guard: Guard,
    pub(crate) principal: Option<Arc<Principal>>,
    /// Present if the handler decides by a rule on data.
    pub(crate) decision: Option<Decision>,
}

/// Remembers whether a handler has asked its rule on data.
#[derive(Clone, Debug, Default)]
pub(crate) struct Decision(Arc<AtomicBool>);

impl Decision {
    pub(super) fn make(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_made(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Admitted {
    /// Inserts this and the principal, which middleware can use, and removes an earlier principal.
    pub(crate) fn insert_into(self, extensions: &mut Extensions) {
        match &self.principal {
            Some(principal) => extensions.insert(Arc::clone(principal)),
            None => extensions.remove::<Arc<Principal>>(),
        };
        extensions.insert(self);
    }

    /// Returns the decision that the router waits for, or one for which nobody waits.
    pub(super) fn decision(parts: &Parts) -> Decision {
        let admitted = parts.extensions.get::<Self>();
        let decision = admitted.and_then(|admitted| admitted.decision.clone());
        decision.unwrap_or_default()
    }

    /// Returns the caller of a request that passed a guard.
    pub(super) fn principal(parts: &Parts) -> Result<Arc<Principal>, Denial> {
        let Some(admitted) = parts.extensions.get::<Self>() else {
            tracing::error!(
                method = %parts.method,
                "a guarded handler was mounted without a guard: mount it on a `GuardedRouter` or add `Guard::layer`"
            );
            return Err(Denial::Unguarded);
        };
        match &admitted.principal {
            Some(principal) => Ok(Arc::clone(principal)),
            // the route is public, but a later argument of the handler needs the caller
            None => admitted
                .guard
                .authenticate_request(&parts.method, &parts.headers),
        }
    }
}
