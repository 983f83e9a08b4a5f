//! What the server hears, and says.

use super::{Act, Mail, Rules, Server};
use std::fmt::Write as _;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};

/// One connection.
pub(super) struct Talk {
    pub(super) server: Server,
    pub(super) rules: Rules,
    pub(super) selected: Option<String>,
}

impl Talk {
    /// The stream, when STARTTLS was asked for.
    pub(super) async fn run<S: AsyncRead + AsyncWrite + Unpin>(mut self, stream: S, greets: bool) -> Option<S> {
        let mut stream = BufReader::new(stream);
        if greets {
            say(&mut stream, &format!("{}\r\n", self.rules.greeting)).await?;
        }
        loop {
            let line = hear(&mut stream).await?;
            let (tag, command) = line.split_once(' ').unwrap_or((line.as_str(), ""));
            self.server.state().heard.push(command.to_owned());
            match self.act(command) {
                Some(Act::Say(text)) => {
                    say(&mut stream, &format!("{}\r\n", text.replace("{tag}", tag))).await?;
                    continue;
                }
                Some(Act::Hang) => std::future::pending().await,
                Some(Act::Close(text)) => {
                    say(&mut stream, &text.replace("{tag}", tag)).await?;
                    return None;
                }
                Some(Act::First(text)) => say(&mut stream, &format!("{text}\r\n")).await?,
                None => {}
            }
            match command {
                "STARTTLS" => {
                    say(&mut stream, &format!("{tag} OK begin\r\n{}", self.rules.injected)).await?;
                    return Some(stream.into_inner());
                }
                "IDLE" => self.idle(&mut stream, tag).await?,
                "AUTHENTICATE PLAIN" => {
                    say(&mut stream, "+ \r\n").await?;
                    let response = hear(&mut stream).await?;
                    // NUL test NUL secret
                    let right = response == "AHRlc3QAc2VjcmV0";
                    say(&mut stream, &format!("{tag} {}\r\n", if right { "OK" } else { "NO" })).await?;
                }
                _ => {
                    let answer = self.work(tag, command);
                    say(&mut stream, &answer).await?;
                }
            }
        }
    }

    async fn idle<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: &mut BufReader<S>, tag: &str) -> Option<()> {
        say(stream, "+ idling\r\n* OK still here\r\n").await?;
        self.server.idling.notify_one();
        let line = tokio::select! {
            () = self.server.came.notified() => {
                let exists = self.server.state().folders["INBOX"].len();
                say(stream, &format!("* {exists} EXISTS\r\n")).await?;
                hear(stream).await?
            }
            line = hear(stream) => line?,
        };
        self.server.state().heard.push(line);
        say(stream, &format!("{tag} OK idled\r\n")).await
    }

    fn act(&self, command: &str) -> Option<Act> {
        let mut state = self.server.state();
        for (number, (start, act, times)) in self.rules.acts.iter().enumerate() {
            let acted = state.acted.entry(number).or_default();
            if command.starts_with(start) && *acted < *times {
                *acted += 1;
                return Some(act.clone());
            }
        }
        None
    }

    fn work(&mut self, tag: &str, command: &str) -> String {
        let words = words(command);
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let told = match words.as_slice() {
            ["CAPABILITY"] => Ok(format!("* CAPABILITY {}\r\n", self.rules.capabilities)),
            ["LOGIN", "test", "secret"] | ["SUBSCRIBE", _] => Ok(String::new()),
            ["LOGIN", ..] => Err("NO [AUTHENTICATIONFAILED] taro@example.jp is unknown"),
            ["LOGOUT"] => Ok("* BYE\r\n".to_owned()),
            ["NAMESPACE"] => {
                Ok(format!("* NAMESPACE ((\"{}\" \"{}\")) NIL NIL\r\n", self.rules.prefix, self.rules.delimiter))
            }
            ["LIST", _, ""] => Ok(format!("* LIST (\\Noselect) \"{}\" \"\"\r\n", self.rules.delimiter)),
            ["LIST", _, name] => Ok(self.list(name)),
            ["CREATE", name] => self.create(name),
            ["SELECT", name] => Ok(self.select(name)),
            ["NOOP"] => Ok(format!("* {} EXISTS\r\n", self.folder().len())),
            ["FETCH", range, ..] => Ok(self.about(range)),
            ["UID", "FETCH", set, ..] => Ok(self.bodies(set)),
            ["UID", "MOVE", set, to] => self.copy(set, to).map(|()| self.remove(set)),
            ["UID", "COPY", set, to] => self.copy(set, to).map(|()| String::new()),
            ["UID", "STORE", set, _, flags @ ..] => Ok(self.flag(set, flags)),
            ["UID", "EXPUNGE", set] => Ok(self.remove(set)),
            _ => Err("BAD what?"),
        };
        let done = if words[0] == "SELECT" && self.rules.read_only { "OK [READ-ONLY]" } else { "OK done" };
        match told {
            Ok(told) => format!("{told}{tag} {done}\r\n"),
            Err(said) => format!("{tag} {said}\r\n"),
        }
    }

    fn folder(&self) -> Vec<Mail> {
        self.server.state().folders[self.selected.as_ref().unwrap()].clone()
    }

    fn list(&self, name: &str) -> String {
        let there = self.server.state().folders.contains_key(name);
        if there { format!("* LIST () \"{}\" \"{name}\"\r\n", self.rules.delimiter) } else { String::new() }
    }

    fn create(&self, name: &str) -> Result<String, &'static str> {
        if !name.starts_with(&self.rules.prefix) {
            return Err("NO not there");
        }
        self.server.state().folders.entry(name.to_owned()).or_default();
        Ok(String::new())
    }

    fn select(&mut self, name: &str) -> String {
        self.selected = Some(name.to_owned());
        let (exists, permanent) = (self.folder().len(), &self.rules.permanent);
        format!("* {exists} EXISTS\r\n* OK [UIDVALIDITY 1] x\r\n* OK [PERMANENTFLAGS {permanent}] x\r\n")
    }

    fn about(&self, range: &str) -> String {
        let (first, last) = range.split_once(':').unwrap();
        let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
        let mut told = String::new();
        for (mail, number) in self.folder().iter().zip(1..).filter(|(_, number)| (first..=last).contains(number)) {
            let (uid, size, flags) = (mail.uid, mail.text.len(), mail.flags.join(" "));
            write!(told, "* {number} FETCH (UID {uid} RFC822.SIZE {size} FLAGS ({flags}))\r\n").unwrap();
        }
        told
    }

    fn bodies(&self, set: &str) -> String {
        let mut told = String::new();
        for (mail, number) in self.folder().iter().zip(1..).filter(|(mail, _)| is_in(mail, set)) {
            let text = String::from_utf8_lossy(&mail.text);
            let (uid, size) = (mail.uid, text.len());
            write!(told, "* {number} FETCH (UID {uid} BODY[]<0> {{{size}}}\r\n{text})\r\n").unwrap();
        }
        told
    }

    fn copy(&self, set: &str, to: &str) -> Result<(), &'static str> {
        let mails = self.folder();
        let mut state = self.server.state();
        let to = state.folders.get_mut(to).ok_or("NO [TRYCREATE] no such folder")?;
        to.extend(mails.into_iter().filter(|mail| is_in(mail, set)));
        Ok(())
    }

    fn remove(&self, set: &str) -> String {
        let mut state = self.server.state();
        let mails = state.folders.get_mut(self.selected.as_ref().unwrap()).unwrap();
        let mut told = String::new();
        while let Some(at) = mails.iter().position(|mail| is_in(mail, set)) {
            mails.remove(at);
            write!(told, "* {} EXPUNGE\r\n", at + 1).unwrap();
        }
        told
    }

    fn flag(&self, set: &str, flags: &[&str]) -> String {
        let mut state = self.server.state();
        let mails = state.folders.get_mut(self.selected.as_ref().unwrap()).unwrap();
        for mail in mails.iter_mut().filter(|mail| is_in(mail, set)) {
            mail.flags.extend(flags.iter().map(|flag| flag.trim_matches(['(', ')']).to_owned()));
        }
        String::new()
    }
}

fn is_in(mail: &Mail, set: &str) -> bool {
    set.split(',').any(|uid| uid.parse() == Ok(mail.uid))
}

/// Words of a command; those in quotation marks without them.
fn words(command: &str) -> Vec<String> {
    let (mut words, mut rest) = (Vec::new(), command);
    while !rest.is_empty() {
        let (word, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => rest.split_once(' ').map_or((rest, ""), |(word, after)| (word, after)),
        };
        words.push(word.to_owned());
        rest = after.trim_start();
    }
    words
}

async fn say<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut BufReader<S>, text: &str) -> Option<()> {
    stream.get_mut().write_all(text.as_bytes()).await.ok()?;
    stream.get_mut().flush().await.ok()
}

async fn hear<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut BufReader<S>) -> Option<String> {
    let mut line = String::new();
    let octets = stream.read_line(&mut line).await.ok()?;
    (octets > 0).then(|| line.trim_end().to_owned())
}
