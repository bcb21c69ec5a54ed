//! The assurance of a sign-in.

use std::{borrow::Cow, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use thiserror::Error;

/// The assurance of a sign-in, the `acr` of its tokens. A higher one includes every lower one.
///
/// ```
/// use rolecall_core::Acr;
///
/// assert_eq!(Acr::of_methods(["pwd"]), Acr::Aal1);
/// assert_eq!(Acr::of_methods(["pwd", "otp", "mfa"]), Acr::Aal2);
/// assert_eq!(Acr::of_methods(["swk", "user", "mfa"]), Acr::Phr);
/// assert!(Acr::Phr > Acr::Aal2);
/// assert_eq!("aal2".parse(), Ok(Acr::Aal2));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Acr {
    /// One factor (NIST SP 800-63B-4, AAL1).
    #[default]
    Aal1,
    /// Two factors (AAL2).
    Aal2,
    /// Two factors, one of which no imitation of the page can get hold of: a passkey (`OpenID` Connect EAP ACR Values).
    Phr,
}

impl Acr {
    /// Every value, the lowest first.
    pub const ALL: [Self; 3] = [Self::Aal1, Self::Aal2, Self::Phr];

    /// Returns the assurance that these methods of authentication (RFC 8176) reach. Only `mfa` shows that there were two
    /// factors: two methods may belong to one, such as a password and a code sent to an address.
    #[must_use]
    pub fn of_methods<'a>(methods: impl IntoIterator<Item = &'a str>) -> Self {
        let (mut is_multiple, mut has_key) = (false, false);
        for method in methods {
            is_multiple |= method == "mfa";
            has_key |= matches!(method, "hwk" | "swk");
        }
        match (is_multiple, has_key) {
            (true, true) => Self::Phr,
            (true, false) => Self::Aal2,
            (false, _) => Self::Aal1,
        }
    }

    /// Returns the value of the claim `acr`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Aal1 => "aal1",
            Self::Aal2 => "aal2",
            Self::Phr => "phr",
        }
    }
}

impl fmt::Display for Acr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Acr {
    type Err = ParseAcrError;

    fn from_str(text: &str) -> Result<Self, ParseAcrError> {
        let found = Self::ALL.into_iter().find(|acr| acr.as_str() == text);
        found.ok_or(ParseAcrError)
    }
}

impl<'de> Deserialize<'de> for Acr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

/// A text is no [`Acr`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("must be \"aal1\", \"aal2\" or \"phr\"")]
pub struct ParseAcrError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_read_as_it_is_written() {
        for acr in Acr::ALL {
            assert_eq!(acr.to_string().parse(), Ok(acr));
            let json = serde_json::to_value(acr).unwrap();
            assert_eq!(json, acr.as_str());
            assert_eq!(serde_json::from_value::<Acr>(json).unwrap(), acr);
        }
        for wrong in ["", "AAL2", "aal3", " aal1"] {
            assert_eq!(wrong.parse::<Acr>(), Err(ParseAcrError));
        }
        assert!(Acr::ALL.is_sorted());
    }

    #[test]
    fn only_two_factors_reach_more_than_the_lowest() {
        assert_eq!(Acr::of_methods([]), Acr::Aal1);
        assert_eq!(Acr::of_methods(["pwd", "otp"]), Acr::Aal1);
        assert_eq!(Acr::of_methods(["hwk", "user"]), Acr::Aal1);
        assert_eq!(Acr::of_methods(["hwk", "mfa"]), Acr::Phr);
    }
}
