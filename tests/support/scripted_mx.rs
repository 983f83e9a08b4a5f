//! The mail exchanger of a receiving domain, whose answers the local part of each recipient chooses:
//!
//! - `r550-5.1.1@`: that reply at RCPT
//! - `d554-5.7.1@`: that reply after the message
//! - `g451-4.7.1@`: that reply to the first RCPT, and yes from the second on
//! - `c421@`: that reply at RCPT, and the connection ends
//! - anything else: yes
//!
//! A thread a connection; it ends with the test process.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Result, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A running one, on a port of 127.0.0.1.
pub(crate) struct ScriptedMx {
    port: u16,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    greylisted: Mutex<HashSet<String>>,
    kept: Mutex<Vec<String>>,
}

impl ScriptedMx {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, state) = (listener.local_addr().unwrap().port(), Arc::<State>::default());
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                std::thread::spawn(move || Conversation::new(stream, state).run());
            }
        });
        Self { port, state }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The recipients for whom a message was taken, in their order.
    pub(crate) fn kept(&self) -> Vec<String> {
        self.state.kept.lock().unwrap().clone()
    }
}

/// One client.
struct Conversation {
    stream: BufReader<TcpStream>,
    state: Arc<State>,
    recipients: Vec<String>,
    /// The reply to the message, when a recipient chose one.
    verdict: Option<String>,
}

impl Conversation {
    fn new(stream: TcpStream, state: Arc<State>) -> Self {
        Self { stream: BufReader::new(stream), state, recipients: Vec::new(), verdict: None }
    }

    /// Until the client goes, or is sent away.
    fn run(mut self) -> Result<()> {
        self.say("220 mx.test ESMTP")?;
        let mut line = String::new();
        while self.stream.read_line(&mut line)? > 0 {
            let reply = match line.get(..4).unwrap_or_default().to_ascii_uppercase().as_str() {
                "EHLO" => "250-mx.test\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 ENHANCEDSTATUSCODES".to_owned(),
                "MAIL" | "RSET" => {
                    (self.recipients, self.verdict) = (Vec::new(), None);
                    "250 2.1.0 ok".to_owned()
                }
                "RCPT" => self.recipient(address(&line)),
                "DATA" => self.message()?,
                "QUIT" => "221 2.0.0 bye".to_owned(),
                _ => "250 2.0.0 ok".to_owned(),
            };
            self.say(&reply)?;
            if reply.starts_with("221") || reply.starts_with("421") {
                break;
            }
            line.clear();
        }
        Ok(())
    }

    fn recipient(&mut self, address: &str) -> String {
        let reply = match scripted(address) {
            Some(('r' | 'c', reply)) => return format!("{reply} <{address}>: scripted"),
            Some(('g', reply)) if self.state.greylisted.lock().unwrap().insert(address.to_owned()) => {
                return format!("{reply} <{address}>: greylisted, come back later");
            }
            Some(('d', reply)) => Some(format!("{reply} scripted refusal of the message")),
            _ => None,
        };
        self.verdict = self.verdict.take().or(reply);
        self.recipients.push(address.to_owned());
        "250 2.1.5 ok".into()
    }

    fn message(&mut self) -> Result<String> {
        self.say("354 go on")?;
        let mut line = Vec::new();
        while self.stream.read_until(b'\n', &mut line)? > 0 && line != b".\r\n" {
            line.clear();
        }
        let recipients = std::mem::take(&mut self.recipients);
        Ok(self.verdict.take().unwrap_or_else(|| {
            self.state.kept.lock().unwrap().extend(recipients);
            "250 2.0.0 kept".into()
        }))
    }

    fn say(&mut self, reply: &str) -> Result<()> {
        self.stream.get_mut().write_all(format!("{reply}\r\n").as_bytes())
    }
}

fn address(line: &str) -> &str {
    line.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map_or("", |(address, _)| address)
}

/// When, and with what: `r550-5.1.1@…` means at RCPT, with `550 5.1.1`.
fn scripted(address: &str) -> Option<(char, String)> {
    let (local, _) = address.split_once('@')?;
    let when = local.chars().next().filter(|when| "rdgc".contains(*when))?;
    let (code, status) = local[1..].split_once('-').unwrap_or((&local[1..], ""));
    let is_code = code.len() == 3 && code.bytes().all(|octet| octet.is_ascii_digit());
    is_code.then(|| (when, format!("{code} {status}").trim_end().to_owned()))
}
