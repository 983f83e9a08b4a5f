//! The one door to a relay: nothing of a mail's body leaves without a permission, and a permission is either the durable
//! intent of a released notice or an address on a list that a person wrote.
//!
//! Elsewhere in this crate `Session::push` and `Session::permit` are banned (`clippy.toml`).

#![expect(clippy::disallowed_methods, reason = "this is the file that hands mails over")]

use crate::config::{Alerts, Bounce, TestSend};
use owabi_core::address::Address;
use owabi_core::ids::verp_address;
use owabi_core::notice::NoticeDefinition;
use owabi_core::outcome::{Fault, Outcome};
use owabi_smtp::envelope::Parcel;
use owabi_smtp::relay::Relay;
use owabi_smtp::session::{Progress, Session};
use owabi_store::{Claim, Claimed, Grant};
use std::collections::HashMap;
use tokio::time::Instant;

/// An address to which mails may go that belong to no release. It can only be made by looking at a list.
#[derive(Clone, Debug)]
pub struct Listed(Address);

impl Listed {
    /// For a test mail: the address stands in `test_send.allow`, or in the notice's `test_addresses`.
    pub fn for_test(address: &Address, allow: &TestSend, notice: &NoticeDefinition) -> Option<Self> {
        let listed = allow.allows(address.as_str()) || notice.is_test_address(address.as_str());
        listed.then(|| Self(address.clone()))
    }

    /// For an alert or a report: each address of `alerts.mail`.
    pub fn for_alerts(alerts: &Alerts) -> Vec<Self> {
        alerts.mail.iter().filter_map(|address| Some(Self(Address::parse(address).ok()?.address))).collect()
    }

    /// For a test mail of `check` to ourselves: the configured bounce address, with this token.
    pub fn for_check(bounce: &Bounce, token: &str) -> Option<Self> {
        bounce.parts()?;
        Some(Self(Address::parse(&verp_address(&bounce.address, token)).ok()?.address))
    }

    /// The address.
    pub fn address(&self) -> &Address {
        &self.0
    }
}

/// A connection to a relay.
#[derive(Debug)]
pub struct Outgoing {
    session: Session,
    /// The session's number of each claim whose mail was offered. A claim is a row and its fence: a grant of an earlier
    /// claim of the same row concerns nobody.
    offered: HashMap<Claim, u64>,
}

impl Outgoing {
    /// Opens a connection, up to the login.
    ///
    /// # Errors
    /// Why the relay cannot be used.
    pub async fn open(relay: &Relay) -> Result<Self, Fault> {
        Ok(Self { session: owabi_smtp::open(relay).await?, offered: HashMap::new() })
    }

    /// Offers the mail of a claimed row: its envelope may leave, its body waits for [`Self::permit`].
    pub fn offer(&mut self, row: &Claimed, parcel: Parcel) {
        self.offered.insert((row.id, row.fence), parcel.id);
        self.session.push(parcel);
    }

    /// The intent of an offered mail is durable: its body may leave before `until`. Gives the mail's number.
    pub fn permit(&mut self, grant: &Grant, until: Instant) -> Option<u64> {
        let mail = *self.offered.get(&grant.claim())?;
        self.session.permit(mail, until);
        Some(mail)
    }

    /// The body of an offered mail may not leave, or not any more. No effect on one that is leaving already.
    pub fn refuse(&mut self, claim: Claim) -> Option<u64> {
        let mail = *self.offered.get(&claim)?;
        self.session.deny(mail);
        Some(mail)
    }

    /// The mail is finished with.
    pub fn forget(&mut self, claim: Claim) {
        self.offered.remove(&claim);
    }

    /// Hands over one mail of no release, to a listed address and nobody else, and hangs up.
    pub async fn send_listed(mut self, to: &Listed, parcel: Parcel, until: Instant) -> Outcome {
        let parcel = Parcel { id: 1, rcpt_to: to.0.envelope(), orcpt: Some(to.0.as_str().to_owned()), ..parcel };
        self.session.push(parcel);
        self.session.permit(1, until);
        loop {
            let progress = self.session.next().await;
            if let Some(finished) = progress.finished.into_iter().next() {
                if progress.closed.is_none() {
                    self.session.quit().await;
                }
                return finished.outcome;
            }
            if let Some(fault) = progress.closed {
                return Outcome::Unknown(fault);
            }
        }
    }

    /// See [`Session::next`].
    pub async fn next(&mut self) -> Progress {
        self.session.next().await
    }

    /// See [`Session::quit`].
    pub async fn quit(self) {
        self.session.quit().await;
    }

    /// See [`Session::hang_up`].
    pub fn hang_up(&mut self, why: &str) {
        self.session.hang_up(why);
    }

    /// See [`Session::room`].
    pub fn room(&self) -> usize {
        self.session.room()
    }

    /// See [`Session::idle`].
    pub fn idle(&self) -> bool {
        self.session.idle()
    }

    /// See [`Session::steps`].
    pub fn steps(&self) -> u64 {
        self.session.steps()
    }

    /// See [`Session::spent`].
    pub fn spent(&self) -> bool {
        self.session.spent()
    }

    /// See [`Session::max_size`].
    pub fn max_size(&self) -> Option<u64> {
        self.session.max_size()
    }

    /// See [`Session::tls`].
    pub fn tls(&self) -> Option<&str> {
        self.session.tls()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use owabi_smtp::capture::{CaptureOptions, CaptureRelay};
    use std::time::Duration;

    fn address(text: &str) -> Address {
        Address::parse(text).unwrap().address
    }

    fn notice() -> NoticeDefinition {
        let text = "{ id: leak, title: t, language: ja, from: a@example.jp, reply_to: a@example.jp, facts: {}, cohorts: [], test_addresses: [desk@example.jp] }";
        NoticeDefinition::parse("leak.yaml", text).unwrap()
    }

    #[test]
    fn only_an_address_that_somebody_wrote_on_a_list_is_listed() {
        let allow = TestSend { allow: vec!["Operator@example.jp".into()] };
        for (to, listed) in [
            ("operator@example.jp", true),
            ("desk@example.jp", true),
            ("taro@example.jp", false),
            ("operator@example.com", false),
        ] {
            assert_eq!(Listed::for_test(&address(to), &allow, &notice()).is_some(), listed, "{to}");
        }
        let alerts = Alerts { mail: vec!["night@example.jp".into()], ..Alerts::default() };
        let listed = Listed::for_alerts(&alerts);
        assert_eq!(listed.iter().map(|to| to.address().as_str()).collect::<Vec<_>>(), ["night@example.jp"]);
    }

    #[tokio::test]
    async fn a_mail_of_no_release_goes_to_the_listed_address_whatever_its_parcel_says() {
        let relay = CaptureRelay::start(CaptureOptions::default()).await.unwrap();
        let to = Listed::for_test(&address("desk@example.jp"), &TestSend::default(), &notice()).unwrap();
        let parcel = Parcel {
            id: 9,
            mail_from: "bounces@example.jp".into(),
            rcpt_to: "taro@example.jp".into(),
            envid: String::new(),
            orcpt: None,
            notify_success: false,
            smtputf8: false,
            body: "Subject: x\r\n\r\nx\r\n".into(),
        };
        let at = Relay::new("main", "127.0.0.1", relay.addr().port());
        let sent = Outgoing::open(&at).await.unwrap();
        let outcome = sent.send_listed(&to, parcel, Instant::now() + Duration::from_mins(1)).await;
        assert!(matches!(outcome, Outcome::Accepted(_)), "{outcome:?}");
        let captured = relay.captured();
        assert_eq!(captured.iter().flat_map(|mail| mail.rcpt_to()).collect::<Vec<_>>(), ["desk@example.jp"]);
    }
}
