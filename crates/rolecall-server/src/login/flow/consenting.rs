//! The step in which somebody allows a client what it asks for.

use super::{
    answer::AnswerError,
    kept::{find, page_of, write_step},
    owed::Due,
    pending::{due, keep_choice},
    service::advance,
    step::{FlowError, Next, Visitor},
    store as flows,
};
use crate::{app::App, login::browser::service as browsers, store::Conn};

/// Allows the client what it asks for, or refuses it. An answer that is neither, or that comes before this step is due,
/// changes nothing.
pub(crate) async fn decide(
    app: &App,
    id: &str,
    visitor: &Visitor<'_>,
    allows: Option<bool>,
) -> Result<Next, FlowError> {
    let mut flow = find(app, id, visitor).await?;
    let is_due = due(app, &flow).await? == Due::Nothing;
    let Some(allows) = allows.filter(|_| is_due) else {
        return page_of(&flow, visitor);
    };
    let version = flow.version;
    if keep_choice(app, &mut flow).await?.is_some() || flow.version != version {
        // what was shown is not what the client would get
        return page_of(&flow, visitor);
    }
    if !allows {
        let is_ended = app
            .store()
            .write(async |conn: &mut Conn| flows::delete(conn, &flow).await)
            .await?;
        if !is_ended {
            return Err(FlowError::Ended);
        }
        let (error, why) = (AnswerError::AccessDenied, "the user has refused");
        return Ok(Next::refused(app, &flow.request, error, why));
    }
    flow.consented = true;
    write_step(app, &mut flow).await?;
    let current = browsers::find(app, visitor.session).await?;
    advance(app, flow, current.as_ref(), visitor, None).await
}
