//! Roles that decide who signs in to a client: each way to lose one ends the tokens.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use super::{REDIRECT, Site, create_client};
use crate::support::{Browser, Credentials, claims, on_both};

on_both![
    y280_each_way_to_lose_a_role_ends_the_tokens_of_clients_that_name_it,
    y280_a_token_ends_with_the_assignment_that_admits_its_user,
    y280_what_leaves_another_way_in_signs_nobody_out,
    y372_an_administrator_of_some_roles_ends_no_tokens_of_others,
    y372_what_a_role_loses_ends_the_tokens_that_carry_it_without_its_name,
];

/// A way in which a user stops holding `staff`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Loss {
    Unassign,
    UnassignInTenant,
    Expire,
    EndEarlier,
    Disinherit,
    DisinheritInPolicy,
    DeleteRole,
    DeleteSenior,
    DeleteRoleInPolicy,
    Disable,
}

impl Loss {
    const ALL: [Self; 10] = [
        Self::Unassign,
        Self::UnassignInTenant,
        Self::Expire,
        Self::EndEarlier,
        Self::Disinherit,
        Self::DisinheritInPolicy,
        Self::DeleteRole,
        Self::DeleteSenior,
        Self::DeleteRoleInPolicy,
        Self::Disable,
    ];
}

/// A user who may sign in to a client by one role alone, and who has a token that names another one.
struct Admitted {
    id: String,
    client: Credentials,
    /// The role of the client's `who`, and one that inherits it.
    staff: String,
    lead: String,
    access: String,
    refresh: String,
    expires_in: u64,
}

impl Admitted {
    async fn by(site: &Site, loss: Loss) -> Self {
        let name = format!("{loss:?}").to_lowercase();
        let (staff, lead) = (format!("staff{name}"), format!("lead{name}"));
        for role in [&staff, &lead] {
            site.create_plain_role(role, &[]).await;
        }
        site.inherit(&lead, &staff).await;
        let id = site.create_user(&name, &["reader"]).await;
        let mut scope = vec![("scope", "openid items:read")];
        match loss {
            Loss::Unassign | Loss::DeleteRole | Loss::DeleteRoleInPolicy => {
                site.assign(&id, &staff).await;
            }
            Loss::UnassignInTenant => {
                site.assign_in(&id, &staff, "acme").await;
                scope.push(("tenant", "acme"));
            }
            Loss::Expire => site.assign_for(&id, &staff, 120).await,
            _ => site.assign(&id, &lead).await,
        }
        // the ceiling names a role, so that the token carries this one alone
        let mut members =
            json!({ "consent": "skip", "who": [staff], "scope": "role:reader items:read" });
        if loss == Loss::UnassignInTenant {
            members["tenant"] = json!("ask");
        }
        let client = create_client(site, &format!("client-{name}"), members).await;
        let mut browser = Browser::new(site);
        let answer = browser.sign_in_as(&name, &client, REDIRECT, &scope).await;
        let tokens = site.redeem(&client, answer.code(), REDIRECT, &[]).await;
        let access = tokens.is(200).text("access_token");
        let roles = claims(&access)["roles"].clone();
        assert!(!roles.to_string().contains(&name), "{roles}");
        site.get("/items/", &access).await.is(200);
        Self {
            id,
            client,
            staff,
            lead,
            refresh: tokens.text("refresh_token"),
            expires_in: tokens.json["expires_in"].as_u64().unwrap(),
            access,
        }
    }

    async fn lose(&self, site: &Site, loss: Loss) {
        let admin = site.admin().await;
        let (id, staff, lead) = (&self.id, &self.staff, &self.lead);
        let delete = async |path: String| {
            site.delete(path, admin).await.no_content();
        };
        match loss {
            Loss::Unassign => site.unassign(id, staff).await,
            Loss::UnassignInTenant => site.unassign_in(id, staff, "acme").await,
            Loss::Expire => {
                assert!(self.expires_in <= 120, "{}", self.expires_in);
                site.pass_time(Duration::from_mins(2));
            }
            Loss::EndEarlier => {
                site.assign_for(id, lead, 60).await;
                site.get("/items/", &self.access).await.is(401);
                site.pass_time(Duration::from_mins(1));
            }
            Loss::Disinherit => delete(format!("/api/roles/{lead}/juniors/{staff}")).await,
            Loss::DeleteRole => delete(format!("/api/roles/{staff}")).await,
            Loss::DeleteSenior => delete(format!("/api/roles/{lead}")).await,
            Loss::DisinheritInPolicy | Loss::DeleteRoleInPolicy => {
                let mut without = vec![format!("juniors = [\"{staff}\"]")];
                if loss == Loss::DeleteRoleInPolicy {
                    without.push(format!("[roles.{staff}]"));
                }
                site.put_policy_without(&without).await;
            }
            Loss::Disable => {
                let path = format!("/api/users/{id}");
                let change = json!({ "status": "disabled" });
                site.patch(path, admin, change).await.is(200);
            }
        }
    }
}

impl Site {
    /// Assigns a role for some seconds from now.
    async fn assign_for(&self, id: &str, role: &str, seconds: i64) {
        // the first hour of 2030
        let end = self.clock_seconds() - 1_893_456_000 + seconds;
        let end = format!("2030-01-01T00:{:02}:{:02}Z", end / 60, end % 60);
        let path = format!("/api/users/{id}/roles/{role}");
        let body = json!({ "expires_at": end });
        let done = self.put_json(path, self.admin().await, body).await;
        done.no_content();
    }

    /// Puts the policy in force again without some lines and tables of its document.
    async fn put_policy_without(&self, lines: &[String]) {
        let admin = self.admin().await;
        let request = self.request(Method::GET, "/api/policy").token(admin);
        let read = request.header("accept", "application/toml").send().await;
        let document = String::from_utf8(read.is(200).body.to_vec()).unwrap();
        for line in lines {
            assert!(document.lines().any(|one| one == line), "{document}");
        }
        // a table goes with what is in it
        let mut is_in_table = false;
        let is_left = |line: &&str| {
            let is_named = lines.iter().any(|one| one == line);
            if line.starts_with('[') {
                is_in_table = is_named;
            }
            !is_named && !is_in_table
        };
        let left: Vec<&str> = document.lines().filter(is_left).collect();
        self.put_policy(admin, &left.join("\n"), "*").await.is(200);
    }

    /// Signs a user in to a client, and returns the answer of `/token`.
    async fn tokens_of(&self, name: &str, client: &Credentials, scope: &str) -> Value {
        let mut browser = Browser::new(self);
        let scope = [("scope", scope)];
        let answer = browser.sign_in_as(name, client, REDIRECT, &scope).await;
        let tokens = self.redeem(client, answer.code(), REDIRECT, &[]).await;
        tokens.is(200).json.clone()
    }
}

async fn y280_each_way_to_lose_a_role_ends_the_tokens_of_clients_that_name_it(site: Site) {
    for loss in Loss::ALL {
        let admitted = Admitted::by(&site, loss).await;
        admitted.lose(&site, loss).await;
        let status = site.get("/items/", &admitted.access).await.status;
        assert_eq!(status, 401, "{loss:?}");
        let refused = site.refresh_through(&admitted.client, &admitted.refresh);
        refused.await.oauth_error(400, "invalid_grant");
    }
}

async fn y280_a_token_ends_with_the_assignment_that_admits_its_user(site: Site) {
    for role in ["staff", "guest"] {
        site.create_plain_role(role, &[]).await;
    }
    let members = json!({ "consent": "skip", "who": ["staff", "guest"] });
    let client = create_client(&site, "client", members).await;
    let id = site.id_of("alice").await;
    site.assign_for(&id, "guest", 20).await;
    site.assign_for(&id, "staff", 90).await;
    let tokens = site.tokens_of("alice", &client, "openid items:read").await;
    let expires_in = |tokens: &Value| tokens["expires_in"].as_u64().unwrap();
    assert_eq!(expires_in(&tokens), 90);
    // the shorter way in ends, the longer one holds
    site.pass_time(Duration::from_secs(80));
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let next = site.refresh_through(&client, refresh).await;
    assert_eq!(expires_in(&next.is(200).json), 10);
    let access = next.text("access_token");
    site.get("/items/", &access).await.is(200);
    site.pass_time(Duration::from_secs(10));
    site.get("/items/", &access).await.is(401);
    site.assign(&id, "guest").await;
    let refresh = next.text("refresh_token");
    let next = site.refresh_through(&client, &refresh).await;
    let next = next.is(200).json.clone();
    assert!(expires_in(&next) > 90, "{next}");
    // a client without `who` has nothing to do with it
    let tokens = site.tokens_of("alice", &site.first, "openid items:read");
    assert!(expires_in(&tokens.await) > 90);
}

async fn y280_what_leaves_another_way_in_signs_nobody_out(site: Site) {
    for role in ["staff", "guest", "lead"] {
        site.create_plain_role(role, &[]).await;
    }
    site.inherit("lead", "staff").await;
    let members = json!({ "consent": "skip", "who": ["staff", "guest"] });
    let client = create_client(&site, "client", members).await;
    let id = site.id_of("alice").await;
    site.assign(&id, "lead").await;
    site.assign(&id, "guest").await;
    let tokens = site.tokens_of("alice", &client, "openid items:read").await;
    let elsewhere = site
        .tokens_of("bob", &site.first, "openid items:read")
        .await;
    let path = "/api/roles/lead/juniors/staff";
    site.delete(path, site.admin().await).await.no_content();
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let next = site.refresh_through(&client, refresh).await;
    let access = next.is(200).text("access_token");
    site.get("/items/", &access).await.is(200);
    // tokens of clients that do not name the role stay, unless they carry it
    let access = elsewhere["access_token"].as_str().unwrap();
    site.get("/items/", access).await.is(200);
}

async fn y372_an_administrator_of_some_roles_ends_no_tokens_of_others(site: Site) {
    let members = json!({ "consent": "skip", "scope": "items:read" });
    let hidden = create_client(&site, "hidden", members).await;
    site.create_role("keeper", &["rolecall.roles:write", "rolecall.roles:read"])
        .await;
    for role in ["p", "q"] {
        site.create_role(role, &[]).await;
    }
    site.create_role("unused", &["items:read"]).await;
    let carol = site
        .create_user("carol", &["keeper", "p", "q", "reader"])
        .await;
    let admin = site.admin().await;
    let alices = site.tokens_of("alice", &hidden, "openid items:read").await;
    let access = alices["access_token"].as_str().unwrap();
    let still = async |what: &str| {
        assert_eq!(site.get("/items/", access).await.status, 200, "{what}");
    };
    let by_carol = async |method: Method, path: &str| {
        let request = site.request(method, path);
        let answer = request.token(&site.log_in("carol").await).send().await;
        assert!(answer.status.is_success(), "{path}: {answer:?}");
    };
    for _ in 0..2 {
        by_carol(Method::PUT, "/api/roles/p/juniors/q").await;
        by_carol(Method::DELETE, "/api/roles/p/juniors/q").await;
        still("a junior without permissions").await;
    }
    // what leaves a role as much as before takes nothing from anybody
    for (role, junior) in [("p", "reader"), ("q", "reader")] {
        site.inherit(role, junior).await;
    }
    for method in [Method::PUT, Method::DELETE] {
        by_carol(method, "/api/roles/p/juniors/q").await;
        still("a junior with the same permissions").await;
    }
    let constraint = json!({
        "name": "c", "kind": "dynamic", "per": "subject", "roles": ["keeper", "empty"], "at_most": 1,
    });
    site.create_role("empty", &[]).await;
    site.post("/api/constraints", admin, constraint)
        .await
        .is(201);
    still("a constraint among roles without permissions of the client").await;
    site.delete("/api/constraints/c", admin).await.no_content();
    // nobody has it, so that nobody loses anything
    for path in [
        "/api/roles/unused/permissions/items:read",
        "/api/roles/unused",
        "/api/roles/empty",
    ] {
        site.delete(path, admin).await.no_content();
        still(path).await;
    }
    site.unassign(&carol, "reader").await;
    still("an assignment of another user").await;
}

async fn y372_what_a_role_loses_ends_the_tokens_that_carry_it_without_its_name(site: Site) {
    let members = json!({ "consent": "skip", "scope": "items:read orders:read" });
    let hidden = create_client(&site, "hidden", members).await;
    let admin = site.admin().await;
    let alice = site.id_of("alice").await;
    site.create_permission("stock:read").await;
    for (number, path) in [
        "/api/roles/{}/permissions/items:read",
        "/api/roles/senior{}/juniors/{}",
        "/api/roles/{}",
        "/api/roles/senior{}",
    ]
    .into_iter()
    .enumerate()
    {
        site.unassign(&alice, "reader").await;
        let (role, senior) = (format!("r{number}"), format!("seniorr{number}"));
        site.create_role(&role, &["items:read", "stock:read"]).await;
        site.create_role(&senior, &[]).await;
        site.inherit(&senior, &role).await;
        site.assign(&alice, &senior).await;
        let tokens = site.tokens_of("alice", &hidden, "openid items:read").await;
        let access = tokens["access_token"].as_str().unwrap();
        site.get("/items/", access).await.is(200);
        // what the client may not have is lost without consequence
        site.delete(format!("/api/roles/{role}/permissions/stock:read"), admin)
            .await
            .no_content();
        site.get("/items/", access).await.is(200);
        let path = path.replace("{}", &role);
        site.delete(&path, admin).await.no_content();
        assert_eq!(site.get("/items/", access).await.status, 401, "{path}");
    }
}
