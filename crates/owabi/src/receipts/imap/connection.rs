//! A connection to an IMAP server: commands and their answers, each within its time and size.

use super::response::{Response, Said, Status};
use super::trouble::{Trouble, code};
use super::wire::Wire;
use std::time::Duration;
use tokio::time::timeout;

/// How long each step may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadlines {
    /// To connect to one address.
    pub(super) connect: Duration,
    /// The TLS handshake, and every command but those that carry mails.
    pub(super) step: Duration,
    /// A command that carries mails.
    pub(super) fetch: Duration,
    /// IDLE is said again after this time; servers hang up after 30 minutes, routers on the way earlier.
    pub(super) idle: Duration,
    /// A connection is renewed after this time, and with it what could not be read or moved is tried again.
    pub(super) session: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(30),
            step: Duration::from_mins(1),
            fetch: Duration::from_mins(5),
            idle: Duration::from_mins(2),
            session: Duration::from_hours(1),
        }
    }
}

/// Octets of an answer that carries no mails.
pub(super) const SMALL: u64 = 4 << 20;

#[derive(Debug)]
pub(super) struct Connection {
    wire: Wire,
    commands: u32,
    pub(super) deadlines: Deadlines,
    /// In capitals.
    pub(super) capabilities: Vec<String>,
    pub(super) folder: Open,
}

/// The folder that is open, as the server tells of it at any time.
#[derive(Debug, Default)]
pub(super) struct Open {
    /// Mails in it.
    pub(super) exists: u32,
    /// So many of the first are dealt with, and stay. Numbers move up when others go.
    pub(super) passed: u32,
    /// So many have gone since it was opened.
    pub(super) gone: u32,
    pub(super) uid_validity: Option<u32>,
    /// Flags that can be kept, when the server says which.
    pub(super) permanent: Option<String>,
}

/// How long and how large an answer may be, and what for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) what: &'static str,
    pub(super) time: Duration,
    pub(super) room: u64,
}

/// What ends the reading of an answer.
#[derive(Debug)]
enum End {
    Continue,
    Done(Said),
}

impl Connection {
    pub(super) fn new(wire: Wire, deadlines: Deadlines) -> Self {
        Self { wire, commands: 0, deadlines, capabilities: Vec::new(), folder: Open::default() }
    }

    /// The connection before or after STARTTLS.
    pub(super) fn into_wire(self) -> Wire {
        self.wire
    }

    pub(super) fn is_tls(&self) -> bool {
        self.wire.is_tls()
    }

    /// Protocol and cipher suite; `None` in the clear.
    pub(super) fn protection(&self) -> Option<String> {
        self.wire.protection()
    }

    pub(super) fn can(&self, capability: &str) -> bool {
        self.capabilities.iter().any(|word| word == capability)
    }

    pub(super) fn small(&self, what: &'static str) -> Bounds {
        Bounds { what, time: self.deadlines.step, room: SMALL }
    }

    /// The server's first word.
    pub(super) async fn greeting(&mut self) -> Result<Said, Trouble> {
        match self.receive(self.small("greeting")).await? {
            Response::Note(said) => Ok(said),
            _ => Err(Trouble::Setup("what answers there is no IMAP server".to_owned())),
        }
    }

    /// Says a command; `each` sees what the server tells before its answer.
    pub(super) async fn command(
        &mut self,
        command: &str,
        bounds: Bounds,
        each: impl FnMut(Response),
    ) -> Result<Said, Trouble> {
        let tag = self.send(command, bounds).await?;
        match self.answer(&tag, bounds, each).await? {
            End::Done(said) => Ok(said),
            End::Continue => Err(Trouble::Refused(bounds.what, String::new())),
        }
    }

    /// A command that must succeed.
    pub(super) async fn must(
        &mut self,
        command: &str,
        bounds: Bounds,
        each: impl FnMut(Response),
    ) -> Result<(), Trouble> {
        let said = self.command(command, bounds, each).await?;
        if said.status == Status::Ok { Ok(()) } else { Err(Trouble::Refused(bounds.what, code(&said))) }
    }

    /// A command that the server asks to go on with `more`.
    pub(super) async fn continued(&mut self, command: &str, more: &str, bounds: Bounds) -> Result<Said, Trouble> {
        let tag = self.send(command, bounds).await?;
        match self.answer(&tag, bounds, |_| {}).await? {
            End::Done(said) => return Ok(said),
            End::Continue => within(bounds, self.wire.send(format!("{more}\r\n").as_bytes())).await?,
        }
        match self.answer(&tag, bounds, |_| {}).await? {
            End::Done(said) => Ok(said),
            End::Continue => Err(Trouble::Refused(bounds.what, String::new())),
        }
    }

    pub(super) async fn ask_capabilities(&mut self) -> Result<(), Trouble> {
        let mut found = Vec::new();
        let keep = |response| {
            if let Response::Capability(words) = response {
                found = words;
            }
        };
        self.must("CAPABILITY", self.small("CAPABILITY"), keep).await?;
        self.capabilities = found;
        Ok(())
    }

    /// Waits with IDLE until the server tells of new mails, at most `longest`; `false`: it would not.
    pub(super) async fn idle(&mut self, longest: Duration) -> Result<bool, Trouble> {
        let bounds = self.small("IDLE");
        let tag = self.send("IDLE", bounds).await?;
        let End::Continue = self.answer(&tag, bounds, |_| {}).await? else { return Ok(false) };
        let over = tokio::time::sleep(longest);
        tokio::pin!(over);
        while self.folder.exists <= self.folder.passed {
            tokio::select! {
                () = &mut over => break,
                // What has begun to come is read to its end: a response cut in two would be lost.
                ready = self.wire.readable() => {
                    ready?;
                    self.receive(bounds).await?;
                }
            }
        }
        within(bounds, self.wire.send(b"DONE\r\n")).await?;
        match self.answer(&tag, bounds, |_| {}).await? {
            End::Done(_) => Ok(true),
            End::Continue => Err(Trouble::Refused(bounds.what, String::new())),
        }
    }

    async fn send(&mut self, command: &str, bounds: Bounds) -> Result<String, Trouble> {
        self.commands += 1;
        let tag = format!("o{}", self.commands);
        within(bounds, self.wire.send(format!("{tag} {command}\r\n").as_bytes())).await?;
        Ok(tag)
    }

    /// Reads until the command with this tag has its answer, or is asked to go on. One time limit for it all.
    async fn answer(&mut self, tag: &str, bounds: Bounds, mut each: impl FnMut(Response)) -> Result<End, Trouble> {
        let reading = async {
            let mut room = bounds.room;
            loop {
                let response = self.wire.receive(&mut room).await?;
                match self.folder.hear(response)? {
                    Response::Continue => return Ok(End::Continue),
                    Response::Done(of, said) if of == tag => return Ok(End::Done(said)),
                    other => each(other),
                }
            }
        };
        within(bounds, reading).await
    }

    async fn receive(&mut self, bounds: Bounds) -> Result<Response, Trouble> {
        let response = within(bounds, self.wire.receive(&mut { bounds.room })).await?;
        self.folder.hear(response)
    }
}

impl Open {
    /// Keeps what concerns the folder, and passes everything on.
    fn hear(&mut self, response: Response) -> Result<Response, Trouble> {
        match &response {
            Response::Exists(exists) => {
                self.exists = *exists;
                self.passed = self.passed.min(*exists);
            }
            Response::Expunge(number) => {
                self.exists = self.exists.saturating_sub(1);
                self.gone = self.gone.saturating_add(1);
                self.passed -= u32::from(*number > 0 && *number <= self.passed);
            }
            Response::Note(said) if said.status == Status::Bye => return Err(Trouble::Bye(code(said))),
            Response::Note(said) => self.note(said)?,
            _ => {}
        }
        Ok(response)
    }

    fn note(&mut self, said: &Said) -> Result<(), Trouble> {
        if let Some(flags) = said.argument("PERMANENTFLAGS") {
            self.permanent = Some(flags.to_owned());
        }
        if let Some(validity) = said.argument("UIDVALIDITY").and_then(|number| number.parse().ok()) {
            // UIDs that were asked for under another number may now be other mails.
            if self.uid_validity.replace(validity).is_some_and(|before| before != validity) {
                return Err(Trouble::Renumbered);
            }
        }
        Ok(())
    }
}

async fn within<T>(bounds: Bounds, step: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
    timeout(bounds.time, step).await.map_err(|_| Trouble::Silent(bounds.what))?
}
