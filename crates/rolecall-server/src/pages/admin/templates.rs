//! The templates of the pages for administrators, each with sample data.

use minijinja::{Value, context};

use super::{
    super::sample_values::TEXT,
    views::{
        self, audit, client_form, client_test, clients, confirm, constraints, decisions, hierarchy,
        invitations, keys, mail, matrix, people, permissions, policy, requests, resources, roles,
        settings, start, user, users,
    },
};

/// A template with the views with which it is tried.
pub(in super::super) struct AdminTemplate {
    pub(in super::super) name: &'static str,
    pub(in super::super) source: &'static str,
    /// Returns views of the page, as full and as empty as they can be. It is empty for a part of other templates.
    #[cfg_attr(
        not(test),
        expect(
            dead_code,
            reason = "operators do not replace these templates, so that only tests try them"
        )
    )]
    pub(in super::super) samples: fn() -> Vec<Value>,
}

macro_rules! templates {
    ($($name:literal, $file:literal, $samples:expr;)+) => {
        /// All templates.
        pub(in super::super) static TEMPLATES: &[AdminTemplate] = &[$(AdminTemplate {
            name: $name,
            source: include_str!(concat!("../../../assets/pages/admin/", $file)),
            samples: $samples,
        }),+];
    };
}

templates! {
    "admin_layout.html", "layout.html", part;
    "admin_faults.html", "faults.html", part;
    "admin_head.html", "head.html", part;
    "admin_pager.html", "pager.html", part;
    "admin_macros.html", "macros.html", part;
    "admin_message.html", "message.html", views::messages;
    "admin_tenant.html", "tenant.html", || vec![context! {}];
    "admin_start.html", "start.html", start::samples;
    "admin_users.html", "users.html", users::samples;
    "admin_bulk.html", "bulk.html", users::bulk_samples;
    "admin_user.html", "user.html", user::samples;
    "admin_assign.html", "assign.html", user::assign_samples;
    "admin_user_form.html", "user_form.html", user::form_samples;
    "admin_invitations.html", "invitations.html", invitations::samples;
    "admin_invitation.html", "invitation.html", invitations::pages;
    "admin_people.html", "people.html", people::samples;
    "admin_roles.html", "roles.html", roles::samples;
    "admin_role.html", "role.html", roles::role_samples;
    "admin_role_form.html", "role_form.html", roles::form_samples;
    "admin_role_contents.html", "role_contents.html", roles::contents_samples;
    "admin_setup.html", "setup.html", || vec![context! { username => TEXT }, context! { username => "" }];
    "admin_confirm.html", "confirm.html", confirm::samples;
    "admin_secret.html", "secret.html", confirm::secret_samples;
    "admin_lines.html", "lines.html", part;
    "admin_effect_table.html", "effect_table.html", part;
    "admin_effects.html", "effects.html", part;
    "admin_matrix.html", "matrix.html", matrix::samples;
    "admin_matrix_preview.html", "matrix_preview.html", matrix::previews;
    "admin_hierarchy.html", "hierarchy.html", hierarchy::samples;
    "admin_constraint_meaning.html", "constraint_meaning.html", part;
    "admin_constraint_members.html", "constraint_members.html", part;
    "admin_constraint_scope.html", "constraint_scope.html", part;
    "admin_constraints.html", "constraints.html", constraints::samples;
    "admin_constraint.html", "constraint.html", constraints::pages;
    "admin_permissions.html", "permissions.html", permissions::samples;
    "admin_permission.html", "permission.html", permissions::pages;
    "admin_requests.html", "requests.html", requests::samples;
    "admin_request.html", "request.html", requests::pages;
    "admin_assignments.html", "assignments.html", part;
    "admin_client_settings.html", "client_settings.html", part;
    "admin_clients.html", "clients.html", clients::samples;
    "admin_client.html", "client.html", clients::pages;
    "admin_client_form.html", "client_form.html", client_form::samples;
    "admin_client_test.html", "client_test.html", client_test::samples;
    "admin_client_secret.html", "client_secret.html", clients::secrets;
    "admin_client_secret_form.html", "client_secret_form.html", clients::secret_forms;
    "admin_resources.html", "resources.html", resources::samples;
    "admin_resource.html", "resource.html", resources::pages;
    "admin_given.html", "given.html", part;
    "admin_decisions.html", "decisions.html", decisions::samples;
    "admin_policy.html", "policy.html", policy::samples;
    "admin_policy_history.html", "policy_history.html", policy::histories;
    "admin_policy_version.html", "policy_version.html", policy::versions;
    "admin_audit.html", "audit.html", audit::samples;
    "admin_audit_entry.html", "audit_entry.html", audit::entries;
    "admin_audit_verify.html", "audit_verify.html", audit::verifications;
    "admin_keys.html", "keys.html", keys::samples;
    "admin_mail.html", "mail.html", mail::samples;
    "admin_settings.html", "settings.html", settings::samples;
}

fn part() -> Vec<Value> {
    Vec::new()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::pages::{
        admin::{faults::Fault, frame},
        languages::{Language, Languages},
        markup,
        samples::{self, BASE},
        templates::Templates,
    };

    /// Writes each page with each of its samples, in each language, with and without faults.
    fn render(languages: &Languages, templates: &Templates) -> Vec<(&'static str, String)> {
        let fault = |field: &str, key| Fault {
            field: field.to_owned(),
            key,
            text: TEXT.to_owned(),
            kind: "role",
            refusal: None,
        };
        let faults = [
            Vec::new(),
            vec![
                fault(TEXT, ""),
                fault("", "admin-exceeds"),
                fault("until", "admin-too-many"),
                fault("", "admin-fault-unknown"),
                fault("", "admin-fault-exists"),
            ],
        ];
        let mut pages = Vec::new();
        for template in TEMPLATES {
            let compiled = templates.get_template(template.name).unwrap();
            for view in (template.samples)() {
                for (frame, faults) in frame::samples(TEXT).into_iter().zip(&faults) {
                    for language in languages.all() {
                        let common = samples::common(languages, language);
                        let values = context! {
                            trial => true, frame => frame.clone(), view => view.clone(),
                            faults => views::value(faults), seen => TEXT, ..common
                        };
                        let page = compiled.render(values);
                        let page =
                            page.unwrap_or_else(|error| panic!("{}: {error:#}", template.name));
                        pages.push((template.name, page));
                    }
                }
            }
        }
        pages
    }

    fn all() -> Vec<(&'static str, String)> {
        let languages = Arc::new(Languages::new(Vec::new()));
        let templates = Templates::new(&languages).unwrap();
        render(&languages, &templates)
    }

    #[test]
    fn y460_a_hostile_name_becomes_no_tag_on_any_page() {
        let pages = all();
        assert!(pages.len() > 4);
        for (name, page) in pages {
            assert_eq!(markup::faults(&page, BASE), Vec::<String>::new(), "{name}");
            assert!(!page.contains("<probe"), "{name}");
        }
    }

    #[test]
    fn every_page_is_tried_and_every_part_is_used() {
        for template in TEMPLATES {
            let is_part = (template.samples)().is_empty();
            let is_used = TEMPLATES
                .iter()
                .any(|one| one.source.contains(template.name));
            assert_eq!(is_part, is_used, "{}", template.name);
        }
    }

    #[test]
    fn no_page_has_script_or_style_in_it_and_no_post_form_lacks_its_address() {
        for template in TEMPLATES {
            for wrong in [
                "style=", "<style", "onclick", "onsubmit", "|safe", "http:", "https:",
            ] {
                assert!(
                    !template.source.contains(wrong),
                    "{}: {wrong}",
                    template.name
                );
            }
            for form in template.source.split("<form").skip(1) {
                let tag = form.split('>').next().unwrap_or_default();
                assert!(
                    tag.contains("action=\"{{ base }}"),
                    "{}: {tag}",
                    template.name
                );
            }
        }
    }

    #[test]
    fn every_done_action_has_a_text_in_each_language() {
        let languages = Languages::new(Vec::new());
        for key in frame::DONE {
            assert!(
                languages.text(Language::default(), key, []).is_some(),
                "{key}"
            );
        }
        let lacking = languages.missing();
        assert!(lacking.is_empty(), "{lacking:?}");
    }

    #[test]
    fn every_page_has_one_heading_and_labels_for_its_fields() {
        for (name, page) in all() {
            let tags = markup::tags(&page);
            let count = |wanted: &str| tags.iter().filter(|tag| tag.name == wanted).count();
            assert_eq!(count("h1"), 1, "{name}");
            let labels: Vec<&str> = tags.iter().filter_map(|tag| tag.value("for")).collect();
            for field in tags
                .iter()
                .filter(|tag| ["input", "select", "textarea"].contains(&&*tag.name))
            {
                if ["hidden", "submit"].contains(&field.value("type").unwrap_or("text")) {
                    continue;
                }
                let id = field.value("id").unwrap_or_default();
                let is_labelled = labels.contains(&id) || field.value("aria-label").is_some();
                assert!(is_labelled, "{name}: {:?}", field.value("name"));
            }
        }
    }
}
