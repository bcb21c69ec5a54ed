//! The hooks that an application registered.

use std::{collections::BTreeMap, pin::Pin, sync::Arc};

use super::event::AccountEvent;

/// The error of a hook, for the log.
pub(super) type HookError = Box<dyn std::error::Error + Send + Sync>;
type Outcome = Pin<Box<dyn Future<Output = Result<(), HookError>> + Send>>;
type Hook = Arc<dyn Fn(AccountEvent) -> Outcome + Send + Sync>;

/// The hooks of an application, by the kind of their events.
#[derive(Clone, Default)]
pub(crate) struct Hooks(BTreeMap<&'static str, Hook>);

impl Hooks {
    /// Sets the hook for events of `kind`, in place of one set before.
    pub(crate) fn set<F, Fut, E>(&mut self, kind: &'static str, hook: F)
    where
        F: Fn(AccountEvent) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let boxed = move |event| -> Outcome {
            let outcome = hook(event);
            Box::pin(async move { outcome.await.map_err(Into::into) })
        };
        self.0.insert(kind, Arc::new(boxed));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the kinds that have a hook.
    pub(crate) fn kinds(&self) -> Vec<&'static str> {
        self.0.keys().copied().collect()
    }

    /// Returns what the hook for events of `kind` does with `event`.
    pub(super) fn call(&self, kind: &str, event: AccountEvent) -> Option<Outcome> {
        self.0.get(kind).map(|hook| hook(event))
    }
}
