//! An explanation as the server gives it, step by step.

use serde_json::Value;

use super::{Done, Server, same};
use crate::{
    command::Name,
    model::{Model, is_own},
    truth::{Lack, Question, Way},
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
        answer: &Value,
    ) -> Done {
        let held = model.holds(question.user, question.need, question.tenant);
        let allowed = answer["allowed"].as_bool();
        same("allowed", &allowed, &Some(held && !disabled))?;
        let steps = answer["because"].as_array().cloned().unwrap_or_default();
        let is = |step: &Value, kind: &str| step["kind"] == kind;
        let status = steps.iter().any(|step| is(step, "status"));
        same("the status is told", &status, &disabled)?;
        let steps: Vec<Value> = steps
            .into_iter()
            .filter(|step| !is(step, "status"))
            .collect();
        if held {
            let way = self.way_of(&steps)?;
            model.check_way(question, &way)
        } else {
            self.check_lack(model, question, &steps)
        }
    }

    /// The steps of a yes: an assignment, the way down if there is one, and the grant if one is needed.
    fn way_of(&self, steps: &[Value]) -> Result<Way, String> {
        let Some((first, rest)) = steps.split_first() else {
            return Err("nothing is explained".to_owned());
        };
        if first["kind"] != "assignment" {
            return Err(format!("it begins with {first}"));
        }
        let mut way = self.begun_by(first)?;
        for step in rest {
            match step["kind"].as_str() {
                Some("inheritance") => way.path = list(&step["path"]),
                Some("grant") => {
                    let holder = text(&step["role"]);
                    same("the holder", &holder, &way.path.last().cloned())?;
                    way.grant = text(&step["permission"]);
                }
                _ => return Err(format!("no step of a yes: {step}")),
            }
        }
        Ok(way)
    }

    fn begun_by(&self, assignment: &Value) -> Result<Way, String> {
        let role = text(&assignment["role"]).ok_or("no role is named")?;
        Ok(Way {
            tenant: text(&assignment["tenant"]),
            times: self.times(assignment),
            path: vec![role.clone()],
            grant: None,
            role,
        })
    }

    fn check_lack(&self, model: &Model, question: Question<'_>, steps: &[Value]) -> Done {
        let mut lack = Lack::default();
        for step in steps {
            match step["kind"].as_str() {
                Some("missing") => {
                    same("need", &step["need"].as_str(), &Some(question.need))?;
                    lack.exists = step["exists"].as_bool().unwrap_or_default();
                }
                Some("lost") if step["cause"] == "unassigned" => {
                    let path = list(&step["path"]);
                    let first = path.first().cloned().unwrap_or_default();
                    model.check_path(&first, &path)?;
                }
                Some("lost") => {
                    let mut way = self.begun_by(&step["assignment"])?;
                    let path = list(&step["path"]);
                    if !path.is_empty() {
                        way.path = path;
                    }
                    let cause = text(&step["cause"]).unwrap_or_default();
                    lack.lost.push((cause, way));
                }
                Some("would_give") => lack.would_give = list(&step["roles"]),
                Some("may_give") => Self::check_givers(model, question, step)?,
                _ => return Err(format!("no step of a no: {step}")),
            }
        }
        model.check_lack(question, &lack)
    }

    fn check_givers(model: &Model, question: Question<'_>, step: &Value) -> Done {
        let own_assignments = question.need.starts_with("rolecall.assignments:");
        let need = question.need.trim_start_matches("role:");
        let local = !is_own(need) || own_assignments;
        let tenant = question.tenant.filter(|_| local);
        same("tenant", &step["tenant"].as_str(), &tenant)?;
        let role = text(&step["role"]).unwrap_or_default();
        let users = step["users"].as_array().into_iter().flatten();
        let named: Vec<Name> = users.filter_map(|user| text(&user["username"])).collect();
        same("who may give it", &named, &model.givers(&role, tenant))
    }
}
