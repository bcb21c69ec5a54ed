//! What a client may register about log-outs.

use serde_json::{Value, json};

use super::support::Site;
use crate::support::on_both;

on_both![
    m084_i105_an_address_for_logout_tokens_is_public_and_https_unless_it_is_allowed,
    i101_addresses_to_go_to_afterwards_follow_the_rules_of_redirects,
];

fn client(name: &str, more: &[(&str, Value)]) -> Value {
    let mut body = json!({
        "name": name,
        "grants": ["authorization_code"],
        "redirect_uris": ["https://app.example/cb"],
    });
    for (member, value) in more {
        body[*member] = value.clone();
    }
    body
}

async fn m084_i105_an_address_for_logout_tokens_is_public_and_https_unless_it_is_allowed(
    site: Site,
) {
    let admin = site.admin().await;
    let before = site.db.count("clients").await;
    let path = format!("/api/clients/{}", site.client.id());
    for wrong in [
        "http://app.example/out",
        "https://app.example/out#x",
        "https://user@app.example/out",
        "https://10.0.0.1/out",
        "https://[::1]/out",
        "https://[fd00::1]/out",
        "https://169.254.169.254/latest/meta-data/",
        "https://localhost/out",
        "https://app.internal/out",
        "https://2130706433/out",
        "https://0x7f.1/out",
        "http://[::1]/out",
        "javascript:alert(1)",
        "/out",
        "",
    ] {
        let uri = [("backchannel_logout_uri", json!(wrong))];
        let refused = site.post("/api/clients", admin, client("new", &uri)).await;
        refused.invalid(&["body", "backchannel_logout_uri"]);
        let change = json!({ "backchannel_logout_uri": wrong });
        let refused = site.patch(&path, admin, change).await;
        refused.invalid(&["body", "backchannel_logout_uri"]);
    }
    assert_eq!(site.db.count("clients").await, before);
    for (name, right) in [
        ("a", "https://app.example/out?a=b"),
        ("b", "http://127.0.0.1:3000/out"),
        ("c", "https://127.255.0.1/out"),
        ("d", "https://1.1.1.1:8443/out"),
    ] {
        let uri = [("backchannel_logout_uri", json!(right))];
        let created = site.post("/api/clients", admin, client(name, &uri)).await;
        assert_eq!(created.is(201).text("backchannel_logout_uri"), right);
    }
    // a client without a secret is told by TLS only
    let plain = [
        ("backchannel_logout_uri", json!("http://127.0.0.1/out")),
        ("public", json!(true)),
    ];
    let refused = site.post("/api/clients", admin, client("e", &plain)).await;
    refused.invalid(&["body", "backchannel_logout_uri"]);
}

async fn i101_addresses_to_go_to_afterwards_follow_the_rules_of_redirects(site: Site) {
    let admin = site.admin().await;
    for wrong in [
        "https://*.app.example/",
        "https://app.example/out#x",
        "https://user@app.example/",
        "https://app.example/a/../out",
        "https://app.example/?state=1",
        "javascript:alert(1)",
        "http://app.example/",
    ] {
        let uris = [("post_logout_redirect_uris", json!([wrong]))];
        let refused = site.post("/api/clients", admin, client("new", &uris)).await;
        refused.invalid(&["body", "post_logout_redirect_uris"]);
    }
}
