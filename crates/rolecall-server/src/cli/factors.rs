//! `user factors` and `user remove-factor`: second factors that users have, and those that they lost.

use serde_json::json;

use super::{
    context::Context,
    error::CliError,
    output::{print_done, print_json, print_table, printable},
};
use crate::{
    error::ApiError,
    factors::{service, store::Factor, views::FactorsView},
    times::rfc3339,
};

pub(super) async fn list(context: &Context, name: &str) -> Result<(), CliError> {
    let id = context.user_id(name).await?;
    let found = service::list_of(&context.app, context.caller(), &id).await?;
    if context.json {
        return print_json(&json!(FactorsView::from(found)));
    }
    let row = |factor: &Factor| {
        vec![
            printable(&factor.name).clone(),
            factor.kind.as_str().to_owned(),
            rfc3339(factor.created_at),
            factor.last_used_at.map_or("never".to_owned(), rfc3339),
            factor.id.clone(),
        ]
    };
    print_table(
        &["factor", "kind", "since", "last used", "id"],
        found.factors.iter().map(row).collect(),
    )
}

pub(super) async fn remove(context: &Context, name: &str, id: &str) -> Result<(), CliError> {
    let user = context.user_id(name).await?;
    let found = service::list_of(&context.app, context.caller(), &user).await?;
    if found.factors.iter().all(|factor| factor.id != id) {
        return Err(ApiError::unknown("factor", &id).into());
    }
    service::remove_of(&context.app, context.caller(), (&user, ""), id).await?;
    let text = format!(
        "factor `{}` of `{}` removed; the sessions that rest on it ended",
        printable(id),
        printable(name)
    );
    print_done(context.json, &text)
}
