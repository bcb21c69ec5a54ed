//! Checks the explanation of a decision, step by step.

use serde_json::Value;

use super::{Check, Server, expect_equal};
use crate::{
    command::Name,
    explanation::{DenialReasons, GrantPath, Question},
    model::{Model, is_own},
};

fn text(value: &Value) -> Option<Name> {
    value.as_str().map(str::to_owned)
}

fn list(value: &Value) -> Vec<Name> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(text)
        .collect()
}

impl Server {
    pub(super) fn check_explanation(
        &self,
        model: &Model,
        question: Question<'_>,
        disabled: bool,
        response: &Value,
    ) -> Check {
        let held = model.holds(question.user, question.need, question.tenant);
        let allowed = response["allowed"].as_bool();
        expect_equal("allowed", &allowed, &Some(held && !disabled))?;
        let steps = response["because"].as_array().cloned().unwrap_or_default();
        let is = |step: &Value, kind: &str| step["kind"] == kind;
        let status = steps.iter().any(|step| is(step, "status"));
        expect_equal("the status is named", &status, &disabled)?;
        let steps: Vec<Value> = steps
            .into_iter()
            .filter(|step| !is(step, "status"))
            .collect();
        if held {
            let grant_path = self.grant_path(&steps)?;
            model.check_allowed(question, &grant_path)
        } else {
            self.check_denied(model, question, &steps)
        }
    }

    /// The path in an allowed decision: an assignment, the inheritance if there is one, and the grant if needed.
    fn grant_path(&self, steps: &[Value]) -> Result<GrantPath, String> {
        let Some((first, rest)) = steps.split_first() else {
            return Err("there is no explanation".to_owned());
        };
        if first["kind"] != "assignment" {
            return Err(format!("the first step is {first}"));
        }
        let mut grant_path = self.path_start(first)?;
        for step in rest {
            match step["kind"].as_str() {
                Some("inheritance") => grant_path.path = list(&step["path"]),
                Some("grant") => {
                    let holder = text(&step["role"]);
                    expect_equal("the holder", &holder, &grant_path.path.last().cloned())?;
                    grant_path.grant = text(&step["permission"]);
                }
                _ => return Err(format!("unexpected step of an allowed decision: {step}")),
            }
        }
        Ok(grant_path)
    }

    fn path_start(&self, assignment: &Value) -> Result<GrantPath, String> {
        let role = text(&assignment["role"]).ok_or("no role is named")?;
        Ok(GrantPath {
            tenant: text(&assignment["tenant"]),
            times: self.times(assignment),
            path: vec![role.clone()],
            grant: None,
            role,
        })
    }

    fn check_denied(&self, model: &Model, question: Question<'_>, steps: &[Value]) -> Check {
        let mut denial = DenialReasons::default();
        for step in steps {
            match step["kind"].as_str() {
                Some("missing") => {
                    expect_equal("need", &step["need"].as_str(), &Some(question.need))?;
                    denial.exists = step["exists"].as_bool().unwrap_or_default();
                }
                Some("lost") if step["cause"] == "unassigned" => {
                    let path = list(&step["path"]);
                    let first = path.first().cloned().unwrap_or_default();
                    model.check_path(&first, &path)?;
                }
                Some("lost") => {
                    let mut grant_path = self.path_start(&step["assignment"])?;
                    let path = list(&step["path"]);
                    if !path.is_empty() {
                        grant_path.path = path;
                    }
                    let cause = text(&step["cause"]).unwrap_or_default();
                    denial.lost.push((cause, grant_path));
                }
                Some("would_give") => denial.sufficient_roles = list(&step["roles"]),
                Some("may_give") => Self::check_assigners(model, question, step)?,
                _ => return Err(format!("unexpected step of a denial: {step}")),
            }
        }
        model.check_denied(question, &denial)
    }

    fn check_assigners(model: &Model, question: Question<'_>, step: &Value) -> Check {
        let own_assignments = question.need.starts_with("rolecall.assignments:");
        let need = question.need.trim_start_matches("role:");
        let local = !is_own(need) || own_assignments;
        let tenant = question.tenant.filter(|_| local);
        expect_equal("tenant", &step["tenant"].as_str(), &tenant)?;
        let role = text(&step["role"]).unwrap_or_default();
        let users = step["users"].as_array().into_iter().flatten();
        let named: Vec<Name> = users.filter_map(|user| text(&user["username"])).collect();
        expect_equal(
            "users who may assign it",
            &named,
            &model.possible_assigners(&role, tenant),
        )
    }
}
