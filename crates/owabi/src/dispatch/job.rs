//! One claimed row on its way: from the claim to the parcel that a relay gets.

use crate::library::LoadedNotice;
use bytes::Bytes;
use owabi_core::address::Address;
use owabi_core::ids::{Keys, Subject, hex, message_id_domain, verp_address};
use owabi_core::notice::{InDoubt, Policy};
use owabi_core::render::Stamp;
use owabi_core::watch;
use owabi_smtp::envelope::Parcel;
use owabi_store::{Claimed, Intent};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A notice that is being sent.
#[derive(Debug)]
pub(super) struct NoticeRun {
    pub(super) id: String,
    pub(super) notice: Arc<LoadedNotice>,
    /// How long an in-doubt mail waits for evidence; `None`: for a person.
    pub(super) resend_after_ms: Option<i64>,
    /// Deliveries are to be reported, too.
    notify_success: bool,
    /// It is not to be sent any more: what is still in memory goes back unsent.
    stopped: AtomicBool,
}

impl NoticeRun {
    /// `notify_success` is `smtp.notify_success`, for a notice that does not say otherwise.
    pub(super) fn new(id: &str, notice: Arc<LoadedNotice>, notify_success: bool) -> Self {
        let policy = &notice.renderer.definition().policy;
        let notify_success = policy.notify_success.unwrap_or(notify_success);
        let resend_after_ms = match policy.in_doubt {
            InDoubt::ResendAfter(span) => Some(span.as_millis()),
            InDoubt::Hold => None,
        };
        Self { id: id.to_owned(), notice, resend_after_ms, notify_success, stopped: AtomicBool::new(false) }
    }
}

impl NoticeRun {
    /// What its policy says.
    pub(super) fn policy(&self) -> &Policy {
        &self.notice.renderer.definition().policy
    }

    /// Whether a mail of it may be begun at `now` (epoch milliseconds).
    pub(super) fn may_begin(&self, now: i64) -> bool {
        !self.stopped.load(Ordering::Relaxed) && watch::is_open(self.policy().window, now)
    }

    /// It is not to be sent any more.
    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// From now on it is not sent any more. True when it was until now.
    pub(super) fn stop(&self) -> bool {
        !self.stopped.swap(true, Ordering::Relaxed)
    }

    /// Whether this is the text with that fingerprint.
    pub(super) fn is_text(&self, fingerprint: &str) -> bool {
        self.notice.renderer.fingerprint_hex() == fingerprint
    }
}

/// A claimed row with its notice and its recipient.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) row: Claimed,
    pub(super) run: Arc<NoticeRun>,
    pub(super) address: Address,
}

/// A row that can never be sent as it stands.
#[derive(Debug)]
pub(super) struct Unsendable {
    pub(super) row: Claimed,
    pub(super) reason: String,
}

impl Job {
    /// A job, or why the row can never be sent as it stands.
    pub(super) fn new(row: Claimed, run: Arc<NoticeRun>) -> Result<Self, Box<Unsendable>> {
        let stored = match &row.member {
            Ok(member) => member.email.as_deref().unwrap_or_default(),
            Err(error) => {
                let reason = format!("unreadable_row: {error}");
                return Err(Box::new(Unsendable { row, reason }));
            }
        };
        match Address::from_stored(stored) {
            Ok(address) => Ok(Self { row, run, address }),
            Err(_) => Err(Box::new(Unsendable { row, reason: "bad_address".to_owned() })),
        }
    }

    /// The recipient as it goes over the wire: quoted where RFC 5321 demands it, unless the quoted form was refused.
    fn rcpt_to(&self) -> String {
        if self.row.plain_form { self.address.as_str().to_owned() } else { self.address.envelope() }
    }

    /// The address was sent quoted, and the unquoted form was not tried yet.
    pub(super) fn other_form_left(&self) -> bool {
        !self.row.plain_form && self.address.envelope() != self.address.as_str()
    }

    /// Renders the mail and names it.
    pub(super) fn pack(&self, keys: &Keys, bounce: &str, relay: &str) -> Result<(Parcel, Intent), String> {
        let member = self.row.member.as_ref().map_err(Clone::clone)?;
        let of = Subject { notice_id: &self.run.id, member_id: self.row.id, round: self.row.round };
        let domain = message_id_domain(bounce);
        let message_id = format!("{}@{domain}", keys.message_id(of));
        let envelope = self.address.envelope();
        let stamp = Stamp { to: &envelope, message_id: &message_id, dated_at_ms: self.row.queued_at };
        let mail = self.run.notice.renderer.mail(member, &stamp).map_err(|error| error.to_string())?;
        let (rcpt_to, envid) = (self.rcpt_to(), keys.envid(of, self.row.number));
        let intent = Intent {
            id: self.row.id,
            fence: self.row.fence,
            relay: relay.to_owned(),
            rcpt_to: rcpt_to.clone(),
            message_id,
            envid: envid.clone(),
            mail_sha256: hex(&mail.sha256),
            mail_bytes: i64::try_from(mail.bytes.len()).unwrap_or(i64::MAX),
        };
        let parcel = Parcel {
            id: self.row.id.unsigned_abs(),
            mail_from: verp_address(bounce, &keys.verp_token(of)),
            rcpt_to,
            envid,
            orcpt: Some(self.address.as_str().to_owned()),
            notify_success: self.run.notify_success,
            smtputf8: self.address.needs_smtputf8(),
            body: Bytes::from(mail.bytes),
        };
        Ok((parcel, intent))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::library::NoticeSource;
    use owabi_core::member::Member;
    use owabi_core::notice::NoticeDefinition;
    use owabi_core::render::{Renderer, TemplateSources};

    const NOTICE: &str =
        "{ id: leak, title: t, language: ja, from: a@example.jp, reply_to: a@example.jp, facts: {}, cohorts: [] }";

    fn run() -> Arc<NoticeRun> {
        let definition = NoticeDefinition::parse("leak.yaml", NOTICE).unwrap();
        let body = "{{member.name}} 様".to_owned();
        let sources = TemplateSources { subject: "件名".into(), text: body.clone(), html: format!("<p>{body}</p>") };
        let renderer = Renderer::compile(&definition, &sources).unwrap();
        let source = NoticeSource {
            definition: NOTICE.into(),
            subject: sources.subject,
            text: sources.text,
            html: sources.html,
        };
        Arc::new(NoticeRun::new("leak", Arc::new(LoadedNotice { renderer, source }), false))
    }

    /// A claimed row for `email`.
    pub(in crate::dispatch) fn job(id: i64, email: &str) -> Job {
        let member =
            Member {
                member_no: format!("M{id}"), name: "山田".into(), email: Some(email.into()), ..Member::default()
            };
        let row = Claimed {
            id,
            fence: 1,
            member: Ok(member),
            queued_at: 1_700_000_000_000,
            attempts: 0,
            number: 1,
            round: 1,
            possible_duplicate: false,
            plain_form: false,
            doubts: 0,
            lease_until: 0,
        };
        Job::new(row, run()).unwrap()
    }

    #[test]
    fn the_same_row_gives_the_same_bytes_the_same_sender_and_the_same_message_id_at_every_attempt() {
        let keys = Keys::new(&[7; 32]).unwrap();
        let mut job = job(5, "u@example.jp");
        let (first, intent) = job.pack(&keys, "bounces@example.jp", "main").unwrap();
        job.row.number = 2;
        let (second, again) = job.pack(&keys, "bounces@example.jp", "other").unwrap();
        assert_eq!((&first.body, &first.mail_from), (&second.body, &second.mail_from));
        assert_eq!((&intent.message_id, &intent.mail_sha256), (&again.message_id, &again.mail_sha256));
        assert_ne!(first.envid, second.envid);
    }

    #[test]
    fn a_carrier_legacy_address_is_quoted_and_its_other_form_is_tried_when_the_row_says_so() {
        let keys = Keys::new(&[7; 32]).unwrap();
        let mut job = job(5, "abc..def@docomo.ne.jp");
        let (parcel, _) = job.pack(&keys, "bounces@example.jp", "main").unwrap();
        assert_eq!(parcel.rcpt_to, "\"abc..def\"@docomo.ne.jp");
        assert!(job.other_form_left());
        job.row.plain_form = true;
        let (parcel, _) = job.pack(&keys, "bounces@example.jp", "main").unwrap();
        assert_eq!(parcel.rcpt_to, "abc..def@docomo.ne.jp");
        assert!(!job.other_form_left());
    }
}
