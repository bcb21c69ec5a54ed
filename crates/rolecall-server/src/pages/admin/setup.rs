//! The first run: whoever has the code that the server has printed creates the first administrator.

use axum::{extract::State, response::Response};
use http::StatusCode;
use minijinja::context;
use rolecall::Public;

use super::{
    super::{
        answers::{failed, message, see_other},
        render::Page,
        submitted::{Browser, Submitted},
    },
    faults::Faults,
    views::value,
};
use crate::{
    accounts::first_run::{self, FirstAccount},
    app::App,
};

/// The form.
pub(crate) async fn get_setup(_: Public, State(app): State<App>, browser: Browser) -> Response {
    let language = browser.language(&app, None);
    match first_run::is_offered(&app).await {
        Ok(true) => show(&app, &browser, "", &Faults::default()),
        Ok(false) => message(&app, language, StatusCode::NOT_FOUND, "not-offered", ""),
        Err(error) => failed(&app, language, error),
    }
}

/// Creates the first administrator (`code`, `username`, `password`, `again`).
pub(crate) async fn post_setup(
    _: Public,
    State(app): State<App>,
    browser: Browser,
    form: Submitted,
) -> Response {
    let username = form.get("username").trim();
    if form.get("password") != form.get("again") {
        let faults = Faults::of("password", "passwords-differ");
        return show(&app, &browser, username, &faults);
    }
    let wanted = FirstAccount {
        code: form.get("code").trim(),
        username,
        password: form.get("password"),
        address: browser.address(),
    };
    match first_run::create(&app, &wanted).await.map_err(Faults::read) {
        // the sign-in is the proof that the password was not mistyped
        Ok(_) => see_other("/admin"),
        Err(Ok(faults)) => show(&app, &browser, username, &faults),
        Err(Err(error)) => failed(&app, browser.language(&app, None), error),
    }
}

fn show(app: &App, browser: &Browser, username: &str, faults: &Faults) -> Response {
    let language = browser.language(app, None);
    let page = Page {
        template: "admin_setup.html",
        status: faults.status,
        language,
        values: context! {
            view => context! { username => username },
            faults => value(&faults.worded(app, language)),
        },
        client: None,
        form_actions: Vec::new(),
    };
    page.answer(app)
}
