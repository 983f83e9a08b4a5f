//! An IMAP server in the test's own process: a few folders, the commands that we say, and rules for being awkward.

mod talk;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use talk::Talk;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;

/// What happens instead of a command's work, or before it.
#[derive(Clone, Debug)]
pub(super) enum Act {
    /// Says this; `{tag}` is the command's.
    Say(String),
    /// Says this, and then does the work.
    First(String),
    /// Says nothing any more.
    Hang,
    /// Says this, and hangs up.
    Close(String),
}

/// How the server behaves.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) capabilities: String,
    pub(super) greeting: String,
    pub(super) delimiter: String,
    /// Folders are made only under this.
    pub(super) prefix: String,
    pub(super) permanent: String,
    pub(super) read_only: bool,
    /// For a command that begins so: every time, or for the first so many times.
    pub(super) acts: Vec<(&'static str, Act, usize)>,
    /// Said together with the answer to STARTTLS.
    pub(super) injected: String,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            capabilities: "IMAP4rev1 MOVE UIDPLUS IDLE NAMESPACE".to_owned(),
            greeting: "* OK ready".to_owned(),
            delimiter: "/".to_owned(),
            prefix: String::new(),
            permanent: "(\\Deleted \\Seen \\*)".to_owned(),
            read_only: false,
            acts: Vec::new(),
            injected: String::new(),
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mail {
    pub(super) uid: u32,
    pub(super) flags: Vec<String>,
    pub(super) text: Vec<u8>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) folders: BTreeMap<String, Vec<Mail>>,
    /// Every command, without its tag.
    pub(super) heard: Vec<String>,
    acted: BTreeMap<usize, usize>,
    uids: u32,
}

impl State {
    pub(super) fn deliver(&mut self, folder: &str, flags: &[&str], text: impl AsRef<[u8]>) -> u32 {
        self.uids += 10;
        let flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let mail = Mail { uid: self.uids, flags, text: text.as_ref().to_owned() };
        self.folders.entry(folder.to_owned()).or_default().push(mail);
        self.uids
    }

    pub(super) fn texts(&self, folder: &str) -> Vec<String> {
        let mails = self.folders.get(folder).map(Vec::as_slice).unwrap_or_default();
        mails.iter().map(|mail| String::from_utf8_lossy(&mail.text).into_owned()).collect()
    }
}

/// A running server.
#[derive(Clone, Debug)]
pub(super) struct Server {
    pub(super) port: u16,
    state: Arc<Mutex<State>>,
    /// Told when somebody idles.
    pub(super) idling: Arc<Notify>,
    came: Arc<Notify>,
}

impl Server {
    pub(super) async fn start(rules: Rules) -> Self {
        Self::secured(rules, None, false).await
    }

    /// `implicit`: TLS from the first octet, else after STARTTLS.
    pub(super) async fn secured(rules: Rules, acceptor: Option<TlsAcceptor>, implicit: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut state = State::default();
        state.folders.insert("INBOX".to_owned(), Vec::new());
        let server = Self { port, state: Arc::new(Mutex::new(state)), idling: Arc::default(), came: Arc::default() };
        let serving = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serving.clone().serve(stream, rules.clone(), acceptor.clone(), implicit));
            }
        });
        server
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Wakes whoever idles.
    pub(super) fn tell(&self) {
        self.came.notify_one();
    }

    pub(super) fn heard(&self, start: &str) -> Vec<String> {
        self.state().heard.iter().filter(|line| line.starts_with(start)).cloned().collect()
    }

    async fn serve(self, stream: TcpStream, rules: Rules, acceptor: Option<TlsAcceptor>, implicit: bool) {
        let talk = |rules| Talk { server: self.clone(), rules, selected: None };
        match acceptor {
            None => drop(talk(rules).run(stream, true).await),
            Some(acceptor) if implicit => {
                if let Ok(stream) = acceptor.accept(stream).await {
                    talk(rules).run(stream, true).await;
                }
            }
            Some(acceptor) => {
                if let Some(stream) = talk(rules.clone()).run(stream, true).await
                    && let Ok(stream) = acceptor.accept(stream).await
                {
                    talk(rules).run(stream, false).await;
                }
            }
        }
    }
}
