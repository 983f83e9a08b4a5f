//! Mails to the operators: plain text, through the relays of the configuration, to the addresses of `alerts.mail` alone.

use crate::config::Config;
use crate::outgoing::{Listed, Outgoing};
use owabi_core::ids::message_id_domain;
use owabi_core::outcome::Outcome;
use owabi_core::render::{PlainMail, plain_mail};
use owabi_smtp::envelope::Parcel;
use owabi_smtp::relay::Relay;
use std::time::Duration;
use tokio::time::Instant;

/// The longest that one mail may take on a connection that is open.
const PATIENCE: Duration = Duration::from_mins(2);
/// The longest wait for a relay's connection.
const OPEN: Duration = Duration::from_secs(20);

/// What is to be read.
#[derive(Clone, Debug)]
pub struct Letter {
    /// One line.
    pub subject: String,
    /// Plain text.
    pub body: String,
    /// Its date (epoch milliseconds).
    pub at: i64,
}

/// How letters go out.
#[derive(Debug)]
pub(super) struct Post {
    relays: Vec<Relay>,
    from: String,
    to: Vec<Listed>,
}

impl Post {
    pub(super) fn new(config: &Config, relays: Vec<Relay>) -> Self {
        let from = config.alerts.from.clone().unwrap_or_else(|| config.smtp.bounce.address.clone());
        Self { relays, from, to: Listed::for_alerts(&config.alerts) }
    }

    /// Whoever is to be told by mail.
    pub(super) fn readers(&self) -> &[Listed] {
        &self.to
    }

    /// One mail to one reader, through the first relay that takes it.
    pub(super) async fn send(&self, to: &Listed, letter: &Letter) -> Result<(), String> {
        let message_id = format!("{}@{}", uuid::Uuid::now_v7(), message_id_domain(&self.from));
        let envelope = to.address().envelope();
        let mail = PlainMail {
            from: &self.from,
            to: &envelope,
            subject: &letter.subject,
            body: &letter.body,
            message_id: &message_id,
            dated_at_ms: letter.at,
        };
        let body = plain_mail(&mail).map_err(|error| error.to_string())?;
        let mut why = "there is no relay".to_owned();
        for relay in &self.relays {
            match self.hand_over(relay, to, body.clone()).await {
                Ok(()) => return Ok(()),
                Err(fault) => why = format!("{}: {fault}", relay.name),
            }
        }
        Err(why)
    }

    async fn hand_over(&self, relay: &Relay, to: &Listed, body: Vec<u8>) -> Result<(), String> {
        let opened = tokio::time::timeout(OPEN, Outgoing::open(relay)).await;
        let connection = opened.map_err(|_| "no answer".to_owned())?.map_err(|fault| fault.detail.en)?;
        let parcel = Parcel {
            id: 1,
            mail_from: self.from.clone(),
            rcpt_to: String::new(),
            envid: String::new(),
            orcpt: None,
            notify_success: false,
            smtputf8: to.address().needs_smtputf8(),
            body: body.into(),
        };
        let until = Instant::now() + PATIENCE;
        match tokio::time::timeout(PATIENCE, connection.send_listed(to, parcel, until)).await {
            Ok(Outcome::Accepted(_)) => Ok(()),
            Ok(Outcome::Refused(_, reply)) => Err(format!("refused with code {}", reply.code)),
            Ok(Outcome::NotSent(fault) | Outcome::Unknown(fault)) => Err(fault.detail.en),
            Err(_) => Err("no answer".to_owned()),
        }
    }
}
