//! The server as its clients see it, on both databases.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod account;
mod admin;
mod admin_operate;
mod admin_rules;
mod approvals;
mod assignments;
mod assurance;
mod assurance_shown;
mod attacks;
mod audit;
mod breached_passwords;
mod clients;
mod command_line;
mod consents;
mod constraints;
mod decision_bounds;
mod decisions;
mod delegation;
mod dev;
mod documents;
mod duties;
mod embedding;
mod factors;
mod feed;
mod forward_auth;
mod hooks;
mod import;
mod interoperability;
mod keys;
mod known_devices;
mod legacy;
mod log_out;
mod loss;
mod lost_revisions;
mod mail;
mod master_key;
mod nodes;
mod odd_strings;
mod one_document;
mod outages;
mod own_account;
mod own_data;
mod own_quotas;
mod password_rules;
mod policy;
mod policy_command_line;
mod policy_import;
mod profiles;
mod queries;
mod quotas;
mod races;
mod refresh;
mod registration;
mod remote_guard;
mod remote_tickets;
mod reserved_names;
mod reset_confirmation;
mod resources;
mod responses;
mod restart;
mod review;
mod revocation;
mod role_names;
mod roles;
mod serving;
mod sessions;
mod shared_database;
mod sign_in;
mod sign_in_choice;
mod support;
mod templates;
mod tenants;
mod throttle;
mod tickets;
mod token;
mod token_claims;
mod users;
mod verified_addresses;
mod wrong_clocks;
