//! Compares the whole state at the end of a script.

use serde_json::Value;

use super::{Check, Server, expect_equal, names};
use crate::{
    command::Name,
    model::{Duty, Model, Names, is_own},
};

impl Server {
    /// Looks up the ids of all pending requests; returns their number. Ids of settled requests are kept, so that
    /// scripts can use them in vain.
    pub(super) async fn look_up_requests(&mut self) -> usize {
        let admin_token = self.admin_token().await;
        let path = "/api/assignment-requests?limit=200";
        let list = self.app().get(path, &admin_token).await;
        let items = list.json["items"].as_array().cloned().unwrap_or_default();
        for item in &items {
            let text = |member: &str| item[member].as_str().unwrap_or_default();
            let path = format!("/api/users/{}/roles/{}", text("subject"), text("role"));
            let key = match item["tenant"].as_str() {
                Some(tenant) => format!("{path}?tenant={tenant}"),
                None => path,
            };
            self.requests.insert(key, text("id").to_owned());
        }
        items.len()
    }

    pub(super) async fn compare_policy(&mut self, model: &Model) -> Check {
        let admin_token = self.admin_token().await;
        let policy = self.app().get("/api/policy", &admin_token).await.json;
        let keys = |object: &Value| -> Names {
            let members = object.as_object().into_iter().flatten();
            members.map(|(name, _)| name.clone()).collect()
        };
        let others = |all: &Names| all.iter().filter(|one| !is_own(one)).cloned().collect();
        expect_equal(
            "permissions",
            &keys(&policy["permissions"]),
            &others(&model.permissions),
        )?;
        expect_equal("roles", &keys(&policy["roles"]), &others(&model.roles))?;
        for (name, duty) in &model.constraints {
            let entry = &policy["constraints"][name];
            let kind = entry["kind"] == "static";
            let at_most = entry["at_most"].as_u64().unwrap_or_default();
            let found = Duty {
                is_static: kind,
                roles: names(&entry["roles"]),
                at_most: usize::try_from(at_most).unwrap_or_default(),
            };
            expect_equal(name, &found, duty)?;
        }
        let constraints: Names = model.constraints.keys().cloned().collect();
        expect_equal("constraints", &keys(&policy["constraints"]), &constraints)?;
        for role in others(&model.roles) {
            let entry = &policy["roles"][&role];
            let own = |all: &std::collections::BTreeSet<(Name, Name)>| -> Names {
                let own = all.iter().filter(|(first, _)| *first == role);
                own.map(|(_, second)| second.clone()).collect()
            };
            expect_equal(&role, &names(&entry["permissions"]), &own(&model.grants))?;
            expect_equal(&role, &names(&entry["juniors"]), &own(&model.juniors))?;
            let second = entry["approval"].as_bool().unwrap_or_default();
            expect_equal(&role, &second, &model.approval.contains(&role))?;
        }
        Ok(())
    }

    pub(super) async fn compare_assignments(&mut self, model: &Model) -> Check {
        let admin_token = self.admin_token().await;
        for user in model.users.values() {
            let path = format!("/api/users/{}/roles?limit=200", self.ids[&user.id]);
            let list = self.app().get(path, &admin_token).await;
            let items = list.json["items"].as_array().cloned().unwrap_or_default();
            let text = |value: &Value| value.as_str().map(str::to_owned);
            let found: Vec<_> = items
                .iter()
                .map(|item| {
                    let times = self.times(item);
                    (text(&item["role"]), text(&item["tenant"]), times)
                })
                .collect();
            let given = model.assignments_of(user.id);
            let expected: Vec<_> = given
                .map(|(key, times)| (Some(key.role.clone()), key.tenant.clone(), times))
                .collect();
            expect_equal("assignments", &found, &expected)?;
        }
        Ok(())
    }
}
