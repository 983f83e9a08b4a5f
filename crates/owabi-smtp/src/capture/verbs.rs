//! The commands before the body: EHLO, STARTTLS, MAIL, RCPT, RSET, QUIT.

use std::fmt::Write as _;
use std::io;

use super::envelope::{Recipient, parse_path};
use super::params;
use super::script::Point;
use super::session::{Refusal, Session, Transaction};
use super::stats::Counters;
use super::wire::hung_up;

impl Session {
    pub(super) async fn hello(&mut self, extended: bool) -> io::Result<()> {
        let text = if extended { self.offers() } else { self.relay.options.name.clone() };
        if self.respond(Point::Ehlo, 250, &text).await? {
            self.extended = Some(extended);
            self.transaction = None;
        }
        Ok(())
    }

    /// The lines of the EHLO reply.
    fn offers(&self) -> String {
        let options = &self.relay.options;
        let extensions = &options.extensions;
        let mut text = options.name.clone();
        let mut offer = |offered: bool, keyword: &str| {
            if offered {
                // Writing into a String cannot fail.
                let _ = write!(text, "\n{keyword}");
            }
        };
        offer(extensions.pipelining, "PIPELINING");
        offer(extensions.size.is_some(), &format!("SIZE {}", extensions.size.unwrap_or(0)));
        offer(options.starttls.is_some() && !self.tls, "STARTTLS");
        offer(options.account.is_some() && (self.tls || !options.tls_required), "AUTH PLAIN LOGIN");
        offer(extensions.enhanced_status_codes, "ENHANCEDSTATUSCODES");
        offer(extensions.eight_bit_mime, "8BITMIME");
        offer(extensions.dsn, "DSN");
        offer(extensions.smtputf8, "SMTPUTF8");
        offer(extensions.chunking, "CHUNKING");
        text
    }

    pub(super) async fn start_tls(&mut self) -> io::Result<()> {
        let Some(config) = self.relay.options.starttls.clone() else {
            return self.refuse((502, "5.5.1 Error: command not implemented")).await;
        };
        if self.tls || self.extended != Some(true) || self.transaction.is_some() {
            return self.refuse((503, "5.5.1 Error: bad sequence of commands")).await;
        }
        if !self.respond(Point::StartTls, 220, "2.0.0 Ready to start TLS").await? {
            return Ok(());
        }
        self.wire.secure(config).await?;
        (self.tls, self.extended, self.user) = (true, None, None);
        Ok(())
    }

    /// What forbids MAIL now.
    fn mail_refusal(&self) -> Option<Refusal> {
        let options = &self.relay.options;
        if self.extended.is_none() {
            return Some((503, "5.5.1 Error: send HELO/EHLO first"));
        }
        if options.tls_required && !self.tls {
            return Some((530, "5.7.0 Must issue a STARTTLS command first"));
        }
        if options.auth_required && self.user.is_none() {
            return Some((530, "5.7.0 Authentication required"));
        }
        self.transaction.is_some().then_some((503, "5.5.1 Error: nested MAIL command"))
    }

    pub(super) async fn mail(&mut self, args: &str) -> io::Result<()> {
        if let Some(refusal) = self.mail_refusal() {
            return self.refuse(refusal).await;
        }
        let Some((mail_from, params)) = parse_path(args) else {
            return self.refuse((501, "5.1.7 Bad sender address syntax")).await;
        };
        if let Some(refusal) = params::mail_refusal(&mail_from, &params, self.offered().as_ref()) {
            return self.refuse(refusal).await;
        }
        let mut open = Transaction::default();
        (open.envelope.mail_from, open.envelope.params) = (mail_from, params);
        self.transaction = Some(open);
        if self.respond(Point::Mail, 250, "2.1.0 Ok").await? {
            Counters::add(&self.relay.counters.transactions, 1);
        } else {
            self.transaction = None;
        }
        Ok(())
    }

    /// The extensions that this client may use.
    fn offered(&self) -> Option<super::options::Extensions> {
        (self.extended == Some(true)).then(|| self.relay.options.extensions.clone())
    }

    pub(super) async fn rcpt(&mut self, args: &str) -> io::Result<()> {
        let offered = self.offered();
        let Some(open) = &mut self.transaction else {
            return self.refuse((503, "5.5.1 Error: need MAIL command")).await;
        };
        if open.chunks.is_some() {
            return self.refuse((503, "5.5.1 Error: RCPT after BDAT")).await;
        }
        let Some((address, params)) = parse_path(args).filter(|(address, _)| address.contains('@')) else {
            return self.refuse((501, "5.1.3 Bad recipient address syntax")).await;
        };
        let utf8 = open.envelope.params.iter().any(|param| param.key == "SMTPUTF8");
        if let Some(refusal) = params::rcpt_refusal(&address, utf8, &params, offered.as_ref()) {
            return self.refuse(refusal).await;
        }
        // The script sees the recipient as the last one; a refused one is taken away again.
        open.envelope.recipients.push(Recipient { address, params });
        if !self.respond(Point::Rcpt, 250, "2.1.5 Ok").await?
            && let Some(open) = &mut self.transaction
        {
            open.envelope.recipients.pop();
        }
        Ok(())
    }

    pub(super) async fn rset(&mut self) -> io::Result<()> {
        Counters::add(&self.relay.counters.resets, 1);
        if self.respond(Point::Rset, 250, "2.0.0 Ok").await? {
            self.transaction = None;
        }
        Ok(())
    }

    pub(super) async fn quit(&mut self) -> io::Result<bool> {
        Counters::add(&self.relay.counters.quits, 1);
        if self.respond(Point::Quit, 221, "2.0.0 Bye").await? {
            return Ok(false);
        }
        self.wire.close().await?;
        Err(hung_up())
    }
}
