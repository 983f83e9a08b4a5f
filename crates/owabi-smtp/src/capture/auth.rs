//! AUTH PLAIN and LOGIN.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::options::Account;
use super::script::Point;
use super::session::{Refusal, Session};
use super::stats::Counters;
use super::wire::Line;

impl Session {
    fn auth_refusal(&self) -> Option<Refusal> {
        let options = &self.relay.options;
        if options.account.is_none() {
            return Some((502, "5.5.1 Error: authentication not enabled"));
        }
        if options.tls_required && !self.tls {
            return Some((530, "5.7.0 Must issue a STARTTLS command first"));
        }
        let early = self.extended != Some(true) || self.user.is_some() || self.transaction.is_some();
        early.then_some((503, "5.5.1 Error: bad sequence of commands"))
    }

    pub(super) async fn auth(&mut self, args: &str) -> io::Result<()> {
        Counters::add(&self.relay.counters.auth_attempts, 1);
        if let Some(refusal) = self.auth_refusal() {
            return self.refuse(refusal).await;
        }
        let (mechanism, initial) = args.split_once(' ').map_or((args, None), |(name, rest)| (name, Some(rest)));
        let given = match mechanism.to_ascii_uppercase().as_str() {
            "PLAIN" => self.plain(initial).await?,
            "LOGIN" => self.login(initial).await?,
            _ => return self.refuse((504, "5.5.4 Unrecognized authentication type")).await,
        };
        match given {
            None => self.refuse((501, "5.5.2 Cannot decode response")).await,
            Some(account) => self.judge(account).await,
        }
    }

    async fn judge(&mut self, given: Account) -> io::Result<()> {
        if self.relay.options.account.as_ref() != Some(&given) {
            Counters::add(&self.relay.counters.auth_failures, 1);
            return self.refuse((535, "5.7.8 Error: authentication failed")).await;
        }
        if self.respond(Point::Auth, 235, "2.7.0 Authentication successful").await? {
            self.user = Some(given.user);
        }
        Ok(())
    }

    async fn plain(&mut self, initial: Option<&str>) -> io::Result<Option<Account>> {
        let Some(text) = self.answer_to("", initial).await? else { return Ok(None) };
        let mut parts = text.splitn(3, '\0').skip(1).map(str::to_owned);
        Ok(parts.next().zip(parts.next()).map(|(user, password)| Account { user, password }))
    }

    async fn login(&mut self, initial: Option<&str>) -> io::Result<Option<Account>> {
        let Some(user) = self.answer_to("VXNlcm5hbWU6", initial).await? else { return Ok(None) };
        let password = self.answer_to("UGFzc3dvcmQ6", None).await?;
        Ok(password.map(|password| Account { user, password }))
    }

    /// What the client answers to a challenge, decoded.
    async fn answer_to(&mut self, challenge: &str, initial: Option<&str>) -> io::Result<Option<String>> {
        let answer = if let Some(initial) = initial {
            initial.to_owned()
        } else {
            self.say(334, challenge).await?;
            let Line::Text(line) = self.wire.line().await? else { return Ok(None) };
            line
        };
        Ok(STANDARD.decode(answer).ok().and_then(|bytes| String::from_utf8(bytes).ok()))
    }
}
