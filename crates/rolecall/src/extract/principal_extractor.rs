/// Implements what the extractors share that have a requirement and hold the principal that satisfies it.
macro_rules! principal_extractor {
    ($Extractor:ident) => {
        impl<R: Requirement> $Extractor<R> {
            /// Returns the caller, for use after the request.
            #[must_use]
            pub fn into_principal(self) -> Arc<Principal> {
                self.principal
            }
        }

        impl<R: Requirement> Deref for $Extractor<R> {
            type Target = Principal;
            fn deref(&self) -> &Principal {
                &self.principal
            }
        }

        impl<R: Requirement> Clone for $Extractor<R> {
            fn clone(&self) -> Self {
                Self {
                    principal: Arc::clone(&self.principal),
                    requirement: PhantomData,
                }
            }
        }

        impl<R: Requirement> fmt::Debug for $Extractor<R> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($Extractor))
                    .field(&self.principal)
                    .finish()
            }
        }

        impl<R: Requirement> Sealed for $Extractor<R> {}
        impl<R: Requirement> Access for $Extractor<R> {
            type Rule = Self;
        }
    };
}

/// Implements what the extractors share whose requirement counts in the tenant of the token.
macro_rules! tenant_extractor {
    ($Extractor:ident) => {
        principal_extractor!($Extractor);

        impl<R: Requirement> $Extractor<R> {
            /// Returns true if the caller satisfies `Q` in the tenant, for rules that depend on data. Global roles count
            /// too.
            #[must_use]
            pub fn has<Q: Requirement>(&self) -> bool {
                Q::RULE.admits_in_own_tenant(&*self.principal)
            }

            /// Returns an error unless the caller satisfies `Q` in the tenant; use it with `?` in a handler.
            ///
            /// # Errors
            ///
            /// [`Denial::Forbidden`], with the scope that the caller needs.
            pub fn require<Q: Requirement>(&self) -> Result<(), Denial> {
                if self.has::<Q>() {
                    Ok(())
                } else {
                    Err(self.principal.refusal_in_tenant(&Q::RULE))
                }
            }

            const INNER: &'static Rule = &R::RULE;
        }
    };
}

pub(super) use {principal_extractor, tenant_extractor};
