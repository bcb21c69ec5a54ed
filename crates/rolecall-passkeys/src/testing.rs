//! An authenticator in software, for tests of a server. It answers options as a browser does, and honors the lists in them.

mod keys;
mod parts;

use serde_json::Value;

pub use keys::{Algorithm, Key};
pub use parts::{
    Flags, assertion, attestation_object, attested, authenticator_data, client_data, registration,
};

use crate::answer::decode;

/// A device with passkeys. The fields are its properties and may be changed between answers.
#[derive(Debug)]
pub struct Authenticator {
    /// The origin of the page that uses it.
    pub origin: String,
    /// The algorithm of new passkeys.
    pub algorithm: Algorithm,
    /// True if it checks its user whenever it is used.
    pub verifies_user: bool,
    /// True if its passkeys are copied to other devices. They have no counter then.
    pub is_synced: bool,
    /// The counter of signatures.
    pub counter: u32,
    passkeys: Vec<Held>,
}

#[derive(Debug)]
struct Held {
    id: Vec<u8>,
    user_handle: Vec<u8>,
    key: Key,
}

impl Authenticator {
    /// Returns a device without passkeys that checks its user and keeps its keys to itself.
    #[must_use]
    pub fn new(origin: &str) -> Self {
        Self {
            origin: origin.to_owned(),
            algorithm: Algorithm::Es256,
            verifies_user: true,
            is_synced: false,
            counter: 0,
            passkeys: Vec::new(),
        }
    }

    /// Makes a passkey, as `navigator.credentials.create` does, and returns its JSON; `None` if it has one of those that
    /// the options exclude, or if they ask for other algorithms.
    pub fn create(&mut self, options: &Value) -> Option<String> {
        let excluded = options.get("excludeCredentials")?.as_array()?;
        if self.find(excluded).is_some() || !self.is_asked_for(options) {
            return None;
        }
        let held = Held {
            id: keys::random(32)?,
            user_handle: decode(options.pointer("/user/id")?.as_str()?, "id").ok()?,
            key: Key::generate(self.algorithm)?,
        };
        let rp_id = options.pointer("/rp/id")?.as_str()?;
        let attested = parts::attested(&held.id, &held.key.to_cose());
        let flags = self.flags() | Flags::ATTESTED;
        let data = authenticator_data(rp_id, flags, self.next_counter(), &attested);
        let client_data = self.client_data("webauthn.create", options)?;
        let answer = registration(&held.id, &client_data, &attestation_object(&data));
        self.passkeys.push(held);
        Some(answer)
    }

    /// Uses a passkey, as `navigator.credentials.get` does, and returns its JSON; `None` if there is none of those that the
    /// options allow.
    pub fn get(&mut self, options: &Value) -> Option<String> {
        let allowed = options.get("allowCredentials")?.as_array()?;
        let rp_id = options.get("rpId")?.as_str()?.to_owned();
        let counter = self.next_counter();
        let data = authenticator_data(&rp_id, self.flags(), counter, &[]);
        let client_data = self.client_data("webauthn.get", options)?;
        let held = match allowed.as_slice() {
            [] => self.passkeys.last()?,
            allowed => self.find(allowed)?,
        };
        let signature = held.key.sign(&parts::signed(&data, &client_data))?;
        let handle = Some(held.user_handle.as_slice());
        Some(assertion(&held.id, &client_data, &data, &signature, handle))
    }

    fn flags(&self) -> u8 {
        let mut flags = Flags::USER_PRESENT;
        if self.verifies_user {
            flags |= Flags::USER_VERIFIED;
        }
        if self.is_synced {
            flags |= Flags::BACKUP_ELIGIBLE | Flags::BACKED_UP;
        }
        flags
    }

    fn next_counter(&mut self) -> u32 {
        if self.is_synced {
            return 0;
        }
        self.counter = self.counter.wrapping_add(1);
        self.counter
    }

    fn client_data(&self, ceremony: &str, options: &Value) -> Option<Vec<u8>> {
        let challenge = options.get("challenge")?.as_str()?;
        Some(client_data(ceremony, challenge, &self.origin))
    }

    fn find(&self, descriptors: &[Value]) -> Option<&Held> {
        let ids = descriptors.iter().filter_map(|one| one.get("id")?.as_str());
        let ids: Vec<Vec<u8>> = ids.filter_map(|id| decode(id, "id").ok()).collect();
        self.passkeys.iter().find(|held| ids.contains(&held.id))
    }

    fn is_asked_for(&self, options: &Value) -> bool {
        let parameters = options.get("pubKeyCredParams").and_then(Value::as_array);
        let mut asked = parameters.into_iter().flatten();
        asked.any(|one| one.get("alg").and_then(Value::as_i64) == Some(self.algorithm.number()))
    }
}
