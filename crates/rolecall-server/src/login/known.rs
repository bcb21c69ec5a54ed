//! Devices and addresses from which an account was used before.
//!
//! Each of them has failures and turns of its own. Strangers who guess the password of an account can neither lock out
//! its owner nor take the owner's turns; and what fails at a known device counts there, and nowhere else.

use std::time::Duration;

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rolecall_core::Timestamp;

use super::{
    device::{self, Account, Device},
    failures::{self, Failures},
    known_store::{self as store, Holder},
};
use crate::{
    app::App,
    error::ApiError,
    http::Agent,
    mail::notices::{self, Notice},
    store::{Conn, StoreError},
    throttle::nearest,
};

/// The time for which an address is known after the last login from it.
pub(crate) const KEEP_ADDRESSES: Duration = Duration::from_hours(30 * 24);
/// The addresses that are known for one account.
const MAX_ADDRESSES: i64 = 10;
/// The use of a known address is written again after this long, so that most logins write nothing.
const REFRESH_AFTER: Duration = Duration::from_hours(1);

/// The name under which the wrong codes of an account are counted, wherever they were typed: devices are known to whoever
/// has signed in with them, so that a lock for each would let somebody who knows the password guess on with the next.
const ALL_CODES: &str = "all codes";

/// Begins the input of each MAC, as in [`super::device`].
const CONTEXT: &[u8] = b"\xffrolecall known address";

/// The place where a user name and a password were typed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Origin<'a> {
    /// The address of the client.
    pub(crate) address: &'a str,
    /// The device token that the client sent.
    pub(crate) device: Option<&'a str>,
    /// The program and the system, as the client names them.
    pub(crate) agent: Agent,
}

/// The user whose account is meant.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Meant<'a> {
    /// Empty if nobody has what was typed: the same work is done.
    Name(&'a str),
    Id(&'a str),
}

/// Counts the failures of an account: those of strangers together, and those of each known device and address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) account: String,
    /// The user who has the account; `None` if nobody does.
    holder: Option<Holder>,
    /// The known device or address; `None` for strangers.
    source: Option<String>,
    device: Option<Device>,
    /// The keyed hash of the network, unless the address is unknown.
    network: Option<String>,
    /// The last login from this network that is written, if it is known.
    network_used_at: Option<Timestamp>,
    /// Codes fail, and not passwords.
    of_codes: bool,
    /// The program and the system, for the owner to read.
    agent: Agent,
}

impl Origin<'_> {
    /// Returns the name under which a session knows the device that the client claims to be.
    pub(crate) fn device_name(&self) -> Option<String> {
        self.device.and_then(device::claimed_name)
    }
}

impl Slot {
    /// Finds the slot of an attempt: that of its device, or else of its address, or else that of strangers.
    pub(crate) async fn find(
        app: &App,
        account: &str,
        meant: Meant<'_>,
        origin: &Origin<'_>,
    ) -> Result<Self, StoreError> {
        let (key, now) = (&app.parts().account_key, app.now());
        let mut conn = app.store().read().await?;
        let holder = match meant {
            Meant::Name(name) => store::holder_by_name(&mut conn, name).await?,
            Meant::Id(id) => store::holder_by_id(&mut conn, id).await?,
        };
        let of = Account {
            name: account,
            holder: holder.as_ref(),
        };
        let device = origin
            .device
            .and_then(|token| Device::verify(key, token, of, now));
        let network = network_name(key, account, origin.address);
        let network_used_at = match &network {
            Some(network) => {
                let since = now.minus(KEEP_ADDRESSES);
                store::address_used_at(&mut conn, account, network, since).await?
            }
            None => None,
        };
        let source = match (&device, &network) {
            (Some(device), _) => Some(format!("device:{}", device.name())),
            (None, Some(network)) if network_used_at.is_some() => {
                Some(format!("address:{network}"))
            }
            _ => None,
        };
        Ok(Self {
            account: account.to_owned(),
            holder,
            source,
            device,
            network,
            network_used_at,
            of_codes: false,
            agent: origin.agent,
        })
    }

    /// The slot of strangers.
    #[cfg(test)]
    pub(crate) fn of_strangers(account: &str) -> Self {
        Self {
            account: account.to_owned(),
            holder: None,
            source: None,
            device: None,
            network: None,
            network_used_at: None,
            of_codes: false,
            agent: Agent::default(),
        }
    }

    /// The same for codes of second factors. What is wrong counts as a wrong password does, and apart from them: a right
    /// password, also with a remembered device, forgives no wrong code. An address says nothing about a second factor.
    pub(crate) fn for_codes(self) -> Self {
        Self {
            of_codes: true,
            ..self
        }
    }

    /// Returns the name under which wrong codes are counted here.
    fn codes(&self) -> String {
        match &self.device {
            Some(device) => format!("codes device:{}", device.name()),
            None => "codes".to_owned(),
        }
    }

    /// Returns true if the account was used from here before.
    pub(crate) fn is_known(&self) -> bool {
        self.source.is_some()
    }

    /// Returns true if the user `subject` has signed in with this device, which keeps a proof of that, since they got
    /// their present password and name. A device from before may be that of the person who had the account, or the name,
    /// before them.
    pub(crate) fn is_device_of(&self, subject: &str) -> bool {
        let holder = self.holder.as_ref().filter(|holder| holder.id == subject);
        holder.is_some_and(|holder| self.device.is_some_and(|one| one.is_of_today(holder)))
    }

    /// Returns true if the account was used before, and never from here.
    async fn is_elsewhere(&self, conn: &mut Conn) -> Result<bool, StoreError> {
        Ok(!self.is_known() && store::has_addresses(conn, &self.account).await?)
    }

    /// The key of turns and queues.
    pub(crate) fn key(&self) -> String {
        match &self.source {
            None => self.account.clone(),
            Some(source) => format!("{} {source}", self.account),
        }
    }

    /// Returns the device of a login that succeeds, and its token if the client must keep a new one.
    pub(crate) fn device_of_login(
        &self,
        app: &App,
    ) -> Result<(Device, Option<String>), aws_lc_rs::error::Unspecified> {
        let (key, now) = (&app.parts().account_key, app.now());
        let Some(holder) = &self.holder else {
            // the name has passed to this user since the slot was found: the next login gives a token
            return Ok((Device::new(now, 0)?, None));
        };
        let issue = |device: Device| (device, Some(device.token(key, &holder.id)));
        Ok(match self.device {
            None => issue(Device::new(now, holder.epoch)?),
            Some(device) => match device.renewed(now, holder) {
                Some(renewed) => issue(renewed),
                None => (device, None),
            },
        })
    }

    /// Reads the failures in a row. Wrong codes count as wrong passwords do, and by themselves as well.
    pub(crate) async fn failures(&self, conn: &mut Conn) -> Result<Failures, StoreError> {
        let failures = match &self.source {
            None => failures::read(conn, &self.account).await?,
            Some(source) => store::read(conn, &self.account, source).await?,
        };
        if !self.of_codes {
            return Ok(failures);
        }
        let all = store::read(conn, &self.account, ALL_CODES).await?;
        let codes = store::read(conn, &self.account, &self.codes()).await?;
        let all = Some(all).filter(|all| all.is_locked());
        let worst = [failures, codes].into_iter().chain(all);
        Ok(worst.max_by_key(|one| one.in_a_row).unwrap_or(failures))
    }

    /// Counts one more failure and returns the new number.
    pub(crate) async fn count_failure(
        &self,
        conn: &mut Conn,
        now: Timestamp,
    ) -> Result<i64, StoreError> {
        let number = match &self.source {
            None => failures::count(conn, &self.account, now).await?,
            Some(source) => store::count(conn, &self.account, source, now).await?,
        };
        if !self.of_codes {
            return Ok(number);
        }
        store::count(conn, &self.account, &self.codes(), now).await?;
        store::count(conn, &self.account, ALL_CODES, now).await
    }

    /// Forgets the failures of this slot, for a login of `subject` that succeeds, and remembers the address. The owner hears
    /// of a login from where the account was never used.
    pub(crate) async fn succeed(
        &self,
        app: &App,
        conn: &mut Conn,
        subject: &str,
    ) -> Result<(), ApiError> {
        // before this address is known too
        if app.settings().mail.is_some() && self.is_elsewhere(conn).await? {
            let agent = self.agent.describe().unwrap_or_default();
            notices::queue_with(app, conn, subject, (Notice::NewDevice, &agent)).await?;
        }
        let now = app.now();
        match &self.source {
            None => failures::forget(conn, &self.account).await?,
            Some(source) => store::forget(conn, &self.account, source).await?,
        }
        if self.of_codes {
            store::forget(conn, &self.account, &self.codes()).await?;
            store::forget(conn, &self.account, ALL_CODES).await?;
        }
        let is_fresh = |used_at: Timestamp| now.since(used_at) < REFRESH_AFTER;
        match &self.network {
            Some(network) if !self.network_used_at.is_some_and(is_fresh) => {
                store::remember_address(conn, &self.account, network, now, MAX_ADDRESSES).await?;
            }
            _ => {}
        }
        Ok(())
    }
}

/// Forgets every failure of an account: those of strangers and those of known devices and addresses.
pub(crate) async fn forget_failures(conn: &mut Conn, account: &str) -> Result<(), StoreError> {
    failures::forget(conn, account).await?;
    store::forget_all(conn, account).await
}

/// Forgets everything about an account that no longer exists.
pub(crate) async fn forget_account(conn: &mut Conn, account: &str) -> Result<(), StoreError> {
    forget_failures(conn, account).await?;
    store::forget_addresses(conn, account).await
}

/// Returns a keyed hash of the network that an address belongs to, so that the table holds no addresses.
fn network_name(key: &hmac::Key, account: &str, address: &str) -> Option<String> {
    let network = nearest(address)?.to_string();
    let message = [CONTEXT, account.as_bytes(), b" ", network.as_bytes()].concat();
    Some(URL_SAFE_NO_PAD.encode(hmac::sign(key, &message).as_ref()))
}
