//! The private Dovecot itself: what the tests of receipts rely on.

use crate::support::dovecot::{Dovecot, PASSWORD};
use crate::support::servers::wait_mail;
use crate::support::{postfix_returning, talk};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

/// A person at a terminal who speaks IMAP.
struct Talk<S: Read>(BufReader<S>);

impl<S: Read + Write> Talk<S> {
    /// Says a command, reads until its answer; all that was heard.
    fn say(&mut self, command: &str) -> String {
        write!(self.0.get_mut(), "a {command}\r\n").unwrap();
        let mut heard = String::new();
        loop {
            let start = heard.len();
            assert_ne!(self.0.read_line(&mut heard).unwrap(), 0, "closed after {heard:?}");
            if heard[start..].starts_with("a ") {
                return heard;
            }
        }
    }

    /// Logs in and reads the mail that is there.
    fn read_the_mail(&mut self) {
        assert!(self.say(&format!("LOGIN anybody {PASSWORD}")).contains("a OK"));
        let selected = self.say("SELECT INBOX");
        assert!(selected.contains("* 1 EXISTS"), "{selected}");
        let mail = self.say("UID FETCH 1:* (BODY.PEEK[])");
        assert!(mail.contains("Subject: returned\r\n\r\nwords\r\n"), "{mail}");
    }
}

fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

/// The same connection within TLS; only the server's own authority is trusted.
fn secure(stream: TcpStream, dovecot: &Dovecot) -> Talk<StreamOwned<ClientConnection, TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(dovecot.authority()).unwrap()).unwrap();
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let connection = ClientConnection::new(Arc::new(config), ServerName::try_from("localhost").unwrap()).unwrap();
    Talk(BufReader::new(StreamOwned::new(connection, stream)))
}

#[test]
fn a_mail_dropped_into_the_maildir_is_read_over_tls_from_the_start_over_starttls_and_in_clear() {
    let Some(dovecot) = Dovecot::start() else { return };
    std::fs::write(dovecot.maildir().join("new/1.first.test"), "Subject: returned\n\nwords\n").unwrap();
    let mut talk = Talk(BufReader::new(connect(dovecot.port())));
    talk.0.read_line(&mut String::new()).unwrap();
    talk.read_the_mail();

    let mut talk = Talk(BufReader::new(connect(dovecot.port())));
    talk.0.read_line(&mut String::new()).unwrap();
    assert!(talk.say("STARTTLS").contains("a OK"));
    secure(talk.0.into_inner(), &dovecot).read_the_mail();

    let mut talk = secure(connect(dovecot.tls_port()), &dovecot);
    talk.0.read_line(&mut String::new()).unwrap();
    talk.read_the_mail();
    let moved = talk.say("CREATE done") + &talk.say("UID MOVE 1 done") + &talk.say("STATUS INBOX (MESSAGES)");
    assert!(moved.contains("MESSAGES 0"), "{moved}");
    assert!(talk.say("LOGOUT").contains("* BYE"));
    let log = dovecot.log();
    assert!(log.matches("Login: user=<anybody>").count() == 3 && log.matches(", TLS").count() >= 2, "{log}");
}

#[test]
fn a_wrong_password_is_refused() {
    let Some(dovecot) = Dovecot::start() else { return };
    let mut talk = Talk(BufReader::new(connect(dovecot.port())));
    talk.0.read_line(&mut String::new()).unwrap();
    let refused = talk.say("LOGIN anybody another");
    assert!(refused.contains("a NO [AUTHENTICATIONFAILED]"), "{refused}");
}

#[test]
fn what_a_relay_returns_is_read_over_imap_from_the_maildir_where_it_lies() {
    let Some(relay) = postfix_returning::start(0) else { return };
    let Some(dovecot) = Dovecot::start_over(&relay.bounces()) else { return };
    let mut smtp = talk::Talk::with(relay.port());
    for line in ["EHLO client.test", "MAIL FROM:<bounces+t1@sender.test>", "RCPT TO:<unknown@member.test>", "DATA", "."]
    {
        smtp.ask(line);
    }
    assert!(wait_mail(&relay.bounces(), &["bounces+t1@sender.test"], Duration::from_secs(30)).is_some());
    let mut imap = secure(connect(dovecot.tls_port()), &dovecot);
    imap.0.read_line(&mut String::new()).unwrap();
    assert!(imap.say(&format!("LOGIN bounces {PASSWORD}")).contains("a OK"));
    assert!(imap.say("SELECT INBOX").contains("* 1 EXISTS"));
    let mail = imap.say("UID FETCH 1:* (BODY.PEEK[])");
    assert!(mail.contains("Final-Recipient: rfc822; unknown@member.test") && mail.contains("Status: 5.1.1"), "{mail}");
}
