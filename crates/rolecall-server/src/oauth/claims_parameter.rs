//! The parameter `claims` of an authorization request.

use rolecall_core::Acr;
use serde_json::{Map, Value};

use super::refused::{Refused, refuse};
use crate::{
    login::flow::{answer::AnswerError, request::AuthorizationRequest},
    tokens::{claims::scope_of, id_token},
};

/// Reads the parameter `claims` (`OpenID` Connect Core section 5.5).
pub(super) fn read_claims(request: &mut AuthorizationRequest, text: &str) -> Result<(), Refused> {
    let malformed = || {
        let why = "claims is a JSON object with `id_token` or `userinfo`";
        (AnswerError::InvalidRequest, why.to_owned())
    };
    let claims: Map<String, Value> = serde_json::from_str(text).map_err(|_| malformed())?;
    for (place, wanted) in &claims {
        let wanted = match (place.as_str(), wanted) {
            ("id_token" | "userinfo", Value::Object(wanted)) => wanted,
            ("id_token" | "userinfo", Value::Null) => continue,
            ("id_token" | "userinfo", _) => return Err(malformed()),
            _ => continue,
        };
        for (name, about) in wanted {
            if !matches!(about, Value::Null | Value::Object(_)) {
                return Err(malformed());
            }
            read_claim(request, place, name, about)?;
        }
    }
    Ok(())
}

fn read_claim(
    request: &mut AuthorizationRequest,
    place: &str,
    name: &str,
    about: &Value,
) -> Result<(), Refused> {
    let values = || {
        let many = about.get("values").and_then(Value::as_array);
        let one = about.get("value");
        one.into_iter().chain(many.into_iter().flatten())
    };
    match name {
        "sub" => {
            if let Some(subject) = values().next().and_then(Value::as_str) {
                request.subject = Some(subject.to_owned());
            }
        }
        "acr" => {
            let is_essential = about.get("essential") == Some(&Value::Bool(true));
            let known = values().filter_map(Value::as_str);
            let known = known.filter_map(|word| word.parse::<Acr>().ok());
            if !is_essential {
                let wished = known.filter(|acr| !request.wished_acr.contains(acr));
                let wished: Vec<Acr> = wished.collect();
                request.wished_acr.extend(wished);
            } else if values().next().is_some() {
                let least = known.filter(|acr| id_token::REACHABLE.contains(acr)).min();
                let Some(least) = least else {
                    let why = "no sign-in reaches this acr";
                    return refuse(AnswerError::UnmetAuthenticationRequirements, why);
                };
                request.essential_acr = request.essential_acr.max(Some(least));
            }
        }
        name if scope_of(name).is_some() => {
            let places = match place {
                "id_token" => &mut request.id_token_claims,
                _ => &mut request.userinfo_claims,
            };
            places.insert(name.to_owned());
        }
        _ => {}
    }
    Ok(())
}
