//! The migrations, oldest first.

use super::found::Step;

pub(super) const MIGRATIONS: &[Step] = &[
    (
        1,
        "initial",
        include_str!("../../../migrations/0001_initial.sql"),
    ),
    (
        2,
        "refresh and clients",
        include_str!("../../../migrations/0002_refresh_and_clients.sql"),
    ),
    (
        3,
        "folded usernames",
        include_str!("../../../migrations/0003_folded_usernames.sql"),
    ),
    (
        4,
        "signing keys",
        include_str!("../../../migrations/0004_signing_keys.sql"),
    ),
    (
        5,
        "names of old applications",
        include_str!("../../../migrations/0005_names_of_old_applications.sql"),
    ),
    (
        6,
        "leases",
        include_str!("../../../migrations/0006_leases.sql"),
    ),
    (
        7,
        "ended assignments",
        include_str!("../../../migrations/0007_ended_assignments.sql"),
    ),
    (
        8,
        "policy changes",
        include_str!("../../../migrations/0008_policy_changes.sql"),
    ),
    (
        9,
        "constraints",
        include_str!("../../../migrations/0009_constraints.sql"),
    ),
    (
        10,
        "approvals",
        include_str!("../../../migrations/0010_approvals.sql"),
    ),
    (
        11,
        "limits",
        include_str!("../../../migrations/0011_limits.sql"),
    ),
    (
        12,
        "floors of tenants",
        include_str!("../../../migrations/0012_floors_of_tenants.sql"),
    ),
    (
        13,
        "known devices",
        include_str!("../../../migrations/0013_known_devices.sql"),
    ),
    (
        14,
        "mark of dev",
        include_str!("../../../migrations/0014_mark_of_dev.sql"),
    ),
    (
        15,
        "brought ids",
        include_str!("../../../migrations/0015_brought_ids.sql"),
    ),
    (
        16,
        "audit seal",
        include_str!("../../../migrations/0016_audit_seal.sql"),
    ),
    (
        17,
        "profiles",
        include_str!("../../../migrations/0017_profiles.sql"),
    ),
    (
        18,
        "outbox",
        include_str!("../../../migrations/0018_outbox.sql"),
    ),
    (
        19,
        "access tickets",
        include_str!("../../../migrations/0019_access_tickets.sql"),
    ),
    (
        21,
        "active roles",
        include_str!("../../../migrations/0021_active_roles.sql"),
    ),
    (
        22,
        "sign in",
        include_str!("../../../migrations/0022_sign_in.sql"),
    ),
    (
        23,
        "log out",
        include_str!("../../../migrations/0023_log_out.sql"),
    ),
    (
        24,
        "resources",
        include_str!("../../../migrations/0024_resources.sql"),
    ),
    (
        25,
        "verified addresses",
        include_str!("../../../migrations/0025_verified_addresses.sql"),
    ),
    (
        26,
        "sign-ins of a browser",
        include_str!("../../../migrations/0026_sign_ins_of_a_browser.sql"),
    ),
    (
        27,
        "second factors",
        include_str!("../../../migrations/0027_factors.sql"),
    ),
    (
        28,
        "mail",
        include_str!("../../../migrations/0028_mail.sql"),
    ),
    (
        29,
        "assurance of roles",
        include_str!("../../../migrations/0029_assurance_of_roles.sql"),
    ),
    (
        30,
        "passkeys",
        include_str!("../../../migrations/0030_passkeys.sql"),
    ),
    (
        32,
        "consents as shown",
        include_str!("../../../migrations/0032_consents_as_shown.sql"),
    ),
    (
        33,
        "waiting log-outs",
        include_str!("../../../migrations/0033_waiting_log_outs.sql"),
    ),
    (
        34,
        "tries of links",
        include_str!("../../../migrations/0034_tries_of_links.sql"),
    ),
    (
        35,
        "remembered devices",
        include_str!("../../../migrations/0035_remembered_devices.sql"),
    ),
    (
        36,
        "mail codes",
        include_str!("../../../migrations/0036_mail_codes.sql"),
    ),
    (
        37,
        "confirmed resets",
        include_str!("../../../migrations/0037_confirmed_resets.sql"),
    ),
    (
        38,
        "declared addresses",
        include_str!("../../../migrations/0038_declared_addresses.sql"),
    ),
    (
        39,
        "mail indexes",
        include_str!("../../../migrations/0039_mail_indexes.sql"),
    ),
    (
        40,
        "typed names",
        include_str!("../../../migrations/0040_typed_names.sql"),
    ),
    (
        41,
        "admin lists",
        include_str!("../../../migrations/0041_admin_lists.sql"),
    ),
    (
        42,
        "policy versions",
        include_str!("../../../migrations/0042_policy_versions.sql"),
    ),
    (
        43,
        "devices of owners",
        include_str!("../../../migrations/0043_devices_of_owners.sql"),
    ),
    (
        44,
        "ids of resets",
        include_str!("../../../migrations/0044_ids_of_resets.sql"),
    ),
    (
        47,
        "former addresses",
        include_str!("../../../migrations/0047_former_addresses.sql"),
    ),
    (
        48,
        "user search",
        include_str!("../../../migrations/0048_user_search.sql"),
    ),
    (
        49,
        "languages of users",
        include_str!("../../../migrations/0049_languages_of_users.sql"),
    ),
    (
        50,
        "agents of sessions",
        include_str!("../../../migrations/0050_agents_of_sessions.sql"),
    ),
];
