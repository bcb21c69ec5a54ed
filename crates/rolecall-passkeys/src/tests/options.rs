use serde_json::json;

use super::{challenge, creation, request, server};
use crate::{Challenge, Credential, User, UserVerification};

#[test]
fn creation_options_ask_for_what_is_verified() {
    let options = creation();
    assert_eq!(
        options["rp"],
        json!({"id": "login.example.com", "name": "Example"})
    );
    assert_eq!(options["user"]["id"], "MDEyMzQ1Njc4OWFiY2RlZg");
    assert_eq!(options["user"]["name"], "alice");
    assert_eq!(options["challenge"], challenge().to_text());
    assert_eq!(options["attestation"], "none");
    assert_eq!(
        options["authenticatorSelection"]["residentKey"],
        "preferred"
    );
    let algorithms = options["pubKeyCredParams"].as_array().unwrap();
    let numbers: Vec<_> = algorithms.iter().map(|one| one["alg"].as_i64()).collect();
    assert_eq!(numbers, [Some(-7), Some(-8), Some(-257)]);
}

#[test]
fn present_passkeys_are_excluded_and_allowed_by_id_and_transport() {
    let transports = ["usb".to_owned()];
    let present = [Credential {
        id: &[1; 16],
        transports: &transports,
    }];
    let descriptor =
        json!([{"type": "public-key", "id": "AQEBAQEBAQEBAQEBAQEBAQ", "transports": ["usb"]}]);
    let user = User {
        handle: &[0; 16],
        name: "",
        display_name: "",
    };
    let creation = server().creation_options(&challenge(), user, &present);
    assert_eq!(creation["excludeCredentials"], descriptor);
    let request = server().request_options(&challenge(), &present, UserVerification::Discouraged);
    assert_eq!(request["allowCredentials"], descriptor);
    assert_eq!(request["userVerification"], "discouraged");
}

#[test]
fn a_request_for_any_passkey_asks_for_user_verification() {
    let options = request();
    assert_eq!(options["allowCredentials"], json!([]));
    assert_eq!(options["userVerification"], "required");
    assert_eq!(options["rpId"], "login.example.com");
}

#[test]
fn a_challenge_is_read_as_it_is_written() {
    let challenge = Challenge::new([0xfb; 32]);
    assert_eq!(Challenge::parse(&challenge.to_text()), Some(challenge));
    for wrong in [
        "",
        "AAAA",
        "not base64url",
        &"A".repeat(44),
        &"+".repeat(43),
    ] {
        assert_eq!(Challenge::parse(wrong), None, "{wrong}");
    }
}
