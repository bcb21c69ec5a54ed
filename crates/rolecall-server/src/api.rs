//! Every endpoint of the server. One registration mounts, guards and documents each of them.

mod builder;

use rolecall::{Guard, RouteAccess};
use utoipa_axum::routes;

pub(crate) use self::builder::{Api, Description};
use crate::{
    accounts, audit, clients, consents, decisions, docs, factors, feed, forward_auth, health,
    http::{LayerOptions, PathRule},
    invitations, keys, oauth, own_data,
    pages::{self, OwnForms},
    policy, resources, roles, sessions, tickets,
};

/// Returns the options of the layers around routes that contain this API, and may be unknown: policy documents are longer
/// than other bodies, and a proxy needs the identity headers in every answer.
pub(crate) fn layer_options(routes: Option<&[RouteAccess]>) -> LayerOptions {
    let documents = policy::body::PATHS.iter().map(|path| PathRule {
        path,
        max_body_bytes: policy::body::MAX_BYTES,
        headers: &[],
        answer: None,
    });
    LayerOptions {
        paths: documents.chain([forward_auth::PATH_RULE]).collect(),
        pages: match routes {
            Some(routes) => pages::paths(routes),
            None => pages::known_paths(),
        },
        ..LayerOptions::default()
    }
}

macro_rules! mount {
    ($api:expr; $($handler:path),+ $(,)?) => { $api$(.mount(routes!($handler), &$handler))+ };
}

/// The guards of the routes.
pub(crate) struct Guards {
    pub(crate) api: Guard,
    /// Of `/forward-auth`, which accepts the tokens of applications too.
    pub(crate) forward_auth: Guard,
    /// Of `POST /api/tickets`, which accepts the tokens for every audience.
    pub(crate) tickets: Guard,
}

/// Returns the whole API of a public URL, except the paths `left_out`.
pub(crate) fn api(guards: Guards, public_url: &str, left_out: &'static [&'static str]) -> Api {
    let proxied = mount!(Api::behind(guards.forward_auth); forward_auth::authorize_request);
    let tickets = mount!(Api::behind(guards.tickets); tickets::handlers::issue_ticket);
    let page_guard = guards.api.clone();
    let base = Api {
        left_out,
        ..Api::behind(guards.api)
    };
    public_routes(sign_in_routes(base, public_url, &page_guard))
        .with(proxied)
        .with(tickets)
}

fn public_routes(base: Api) -> Api {
    let api = mount!(base;
        oauth::handlers::issue_token,
        oauth::handlers::revoke_token,
        oauth::handlers::introspect_token,
        oauth::handlers::get_metadata,
        oauth::handlers::get_openid_configuration,
        oauth::handlers::get_userinfo,
        oauth::handlers::post_userinfo,
        oauth::handlers::get_jwk_set,
        accounts::handlers::register_user,
        accounts::handlers::replace_password,
        accounts::me_handlers::get_me,
        accounts::me_handlers::update_me,
        own_data::handlers::export_me,
        accounts::me_handlers::change_my_password,
        factors::handlers::list_my_factors,
        factors::handlers::add_my_totp,
        factors::handlers::confirm_my_totp,
        factors::passkeys::handlers::add_my_passkey,
        factors::passkeys::handlers::confirm_my_passkey,
        factors::handlers::rename_my_factor,
        factors::handlers::remove_my_factor,
        factors::handlers::make_my_recovery_codes,
        sessions::handlers::list_my_sessions,
        sessions::handlers::end_my_session,
        sessions::handlers::log_out,
        tickets::handlers::redeem_ticket,
        accounts::handlers::list_users,
        accounts::handlers::create_user,
        accounts::handlers::get_user,
        accounts::handlers::update_user,
        accounts::handlers::delete_user,
        accounts::handlers::reset_user,
        accounts::handlers::confirm_reset,
        accounts::handlers::end_user_sessions,
        factors::admin_handlers::list_user_factors,
        factors::admin_handlers::remove_user_factor,
    );
    admin_routes(role_routes(api))
}

/// Mounts the pages, and `/authorize`, which leads to them.
fn sign_in_routes(api: Api, public_url: &str, guard: &Guard) -> Api {
    // applications send people here by forms of their own, and those change nothing by themselves
    let api = mount!(api;
        pages::handlers::authorize,
        pages::handlers::authorize_by_form,
        pages::logout::get_logout,
        pages::logout::post_logout,
    );
    let own_forms = Some(OwnForms::of(public_url));
    let api = Api { own_forms, ..api };
    let api = mount!(api;
        pages::handlers::get_login,
        pages::handlers::post_login,
        pages::handlers::post_continue,
        pages::handlers::post_other,
        pages::handlers::post_choice,
        pages::mail_code::post_send_code,
        pages::mail_code::post_code,
        pages::mail_code::post_send_verification,
        pages::mail_code::post_verification,
        pages::second::post_second,
        pages::second::post_enrol,
        pages::handlers::get_password,
        pages::handlers::post_password,
        pages::handlers::get_consent,
        pages::handlers::post_consent,
        pages::account::get_account,
        pages::account::post_end,
        pages::account::post_withdraw,
        pages::factors::get_factors,
        pages::factors::post_add,
        pages::factors::post_confirm,
        pages::factors::post_rename,
        pages::factors::post_remove,
        pages::factors::post_codes,
        pages::owner::details::get_profile,
        pages::owner::details::post_profile,
        pages::owner::password::get_own_password,
        pages::owner::password::post_own_password,
        pages::owner::data::get_events,
        pages::owner::data::get_export,
        pages::owner::leaving::get_delete,
        pages::owner::leaving::post_delete,
        pages::passkeys::post_passkey,
        pages::passkeys::post_enrol_passkey,
        pages::passkeys::post_add_passkey,
        pages::passkeys::post_confirm_passkey,
        pages::handlers::get_file,
        pages::address::post_address,
        pages::verify::get_verify,
        pages::verify::post_verify,
        pages::invite::get_invite,
        pages::invite::post_invite,
        pages::sign_up::get_sign_up,
        pages::sign_up::post_sign_up,
        pages::reset::get_reset,
        pages::reset::post_reset,
        pages::reset::post_new_password,
    );
    Api {
        own_forms: None,
        ..api.with_admin_pages(guard)
    }
}

/// Mounts the routes of roles, permissions, constraints and role assignments.
fn role_routes(api: Api) -> Api {
    mount!(api;
        roles::assignment_handlers::list_role_assignments,
        roles::assignment_handlers::assign_role,
        roles::assignment_handlers::unassign_role,
        roles::assignment_handlers::list_client_role_assignments,
        roles::assignment_handlers::assign_role_to_client,
        roles::assignment_handlers::unassign_role_from_client,
        roles::request_handlers::list_assignment_requests,
        roles::request_handlers::get_assignment_request,
        roles::request_handlers::confirm_assignment_request,
        roles::request_handlers::end_assignment_request,
        roles::handlers::list_roles,
        roles::handlers::create_role,
        roles::handlers::get_role,
        roles::handlers::update_role,
        roles::handlers::delete_role,
        roles::handlers::grant_permission,
        roles::handlers::revoke_permission,
        roles::handlers::add_junior,
        roles::handlers::remove_junior,
        roles::review_handlers::list_role_holders,
        roles::review_handlers::get_role_reach,
        roles::permission_handlers::list_permissions,
        roles::permission_handlers::create_permission,
        roles::permission_handlers::delete_permission,
        roles::review_handlers::list_permission_holders,
        roles::constraint_handlers::list_constraints,
        roles::constraint_handlers::create_constraint,
        roles::constraint_handlers::get_constraint,
        roles::constraint_handlers::update_constraint,
        roles::constraint_handlers::delete_constraint,
        roles::constraint_handlers::add_constraint_role,
        roles::constraint_handlers::remove_constraint_role,
    )
}

fn admin_routes(api: Api) -> Api {
    mount!(api;
        clients::handlers::list_clients,
        clients::handlers::create_client,
        clients::handlers::get_client,
        clients::handlers::update_client,
        clients::handlers::delete_client,
        clients::handlers::rotate_client_secret,
        clients::handlers::end_previous_client_secret,
        invitations::handlers::list_invitations,
        invitations::handlers::create_invitation,
        invitations::handlers::delete_invitation,
        resources::handlers::list_resources,
        resources::handlers::create_resource,
        resources::handlers::get_resource,
        resources::handlers::update_resource,
        resources::handlers::delete_resource,
        consents::handlers::list_my_consents,
        consents::handlers::withdraw_my_consent,
        consents::handlers::list_user_consents,
        consents::handlers::withdraw_user_consent,
        decisions::handlers::decide,
        decisions::handlers::explain_refusal,
        policy::handlers::get_policy,
        policy::handlers::plan_policy,
        policy::handlers::replace_policy,
        keys::handlers::list_keys,
        keys::handlers::rotate_keys,
        audit::handlers::list_audit_entries,
        feed::handlers::read_feed,
        health::get_liveness,
        health::get_readiness,
        docs::handlers::get_docs,
        docs::handlers::redirect_to_docs,
        docs::handlers::get_docs_file,
        docs::handlers::get_openapi,
    )
}

#[cfg(test)]
mod tests;
