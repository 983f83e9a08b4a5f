//! A folder that is open: what lies in it is listed, read and handed over, a bounded part at a time.

use super::Mailbox;
use super::connect;
use super::connection::{Bounds, Connection, Open, SMALL};
use super::folders::Naming;
use super::moving::{MARK, Places, Putting};
use super::response::{Fetched, Response, Status};
use super::trouble::{Trouble, code};
use super::wary::Wary;
use super::{Arrival, Counted, Offer, Verdict};
use crate::receipts::{BATCH, IncomingMail, LARGEST};
use owabi_store::StoreError;
use std::collections::{HashMap, HashSet};
use std::time::Duration;

/// Mails that are listed at once.
const WINDOW: u32 = 500;
/// Octets that are held at once.
const HELD: u64 = 16 << 20;

/// A connection with the folder open.
#[derive(Debug)]
pub(super) struct Session<'a> {
    pub(super) connection: Connection,
    pub(super) places: Places,
    /// Mails that this connection could not read.
    pub(super) unreadable: u64,
    /// Mails that were taken and stay where they are, though they should not.
    pub(super) unmoved: u64,
    wary: &'a mut Wary,
}

/// A mail that is to be read.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    uid: u32,
    size: u64,
}

impl<'a> Session<'a> {
    pub(super) async fn open(mailbox: &Mailbox, wary: &'a mut Wary) -> Result<Self, Trouble> {
        let mut connection = connect::open(mailbox).await?;
        let naming = Naming::ask(&mut connection).await?;
        let writable = select(&mut connection, &naming, &mailbox.settings.folder).await?;
        let places = Places::prepare(&mut connection, naming, &mailbox.settings, writable).await?;
        wary.in_folder(connection.folder.uid_validity);
        Ok(Self { connection, places, unreadable: 0, unmoved: 0, wary })
    }

    /// Opens the folder, and changes nothing.
    pub(super) async fn check(mailbox: &Mailbox) -> Result<Offer, Trouble> {
        let settings = &mailbox.settings;
        let mut connection = connect::open(mailbox).await?;
        let naming = Naming::ask(&mut connection).await?;
        let writable = select(&mut connection, &naming, &settings.folder).await?;
        let mut missing = Vec::new();
        for name in [&settings.processed, &settings.review] {
            if naming.find(&mut connection, name).await?.is_none() {
                missing.push(name.clone());
            }
        }
        let offer = Offer {
            tls: connection.protection(),
            mails: connection.folder.exists,
            putting: Putting::of(&connection, writable),
            idle: connection.can("IDLE"),
            missing,
        };
        goodbye(connection).await;
        Ok(offer)
    }

    pub(super) async fn close(self) {
        goodbye(self.connection).await;
    }

    /// What to do about mails that stay.
    pub(super) fn advice(&self) -> &'static str {
        self.places.putting.advice()
    }

    /// Hands over what is new since the last pass of this connection, the oldest first, and puts it away.
    pub(super) async fn pass<F>(&mut self, take: &impl Fn(Vec<Arrival>) -> F) -> Result<Counted, Trouble>
    where
        F: Future<Output = Result<Vec<Verdict>, StoreError>>,
    {
        let mut counted = std::mem::take(&mut self.wary.untold);
        let passed = self.take_all(take, &mut counted).await;
        if let Err(trouble) = passed {
            self.wary.untold = Counted { unreadable: 0, unmoved: 0, ..counted };
            return Err(trouble);
        }
        self.unreadable += counted.unreadable;
        self.unmoved += counted.unmoved;
        Ok(counted)
    }

    async fn take_all<F>(&mut self, take: &impl Fn(Vec<Arrival>) -> F, counted: &mut Counted) -> Result<(), Trouble>
    where
        F: Future<Output = Result<Vec<Verdict>, StoreError>>,
    {
        self.connection.must("NOOP", self.connection.small("NOOP"), |_| {}).await?;
        while let Some(waiting) = self.next_window(counted).await? {
            let mut rest = waiting.as_slice();
            while !rest.is_empty() {
                let (batch, after) = rest.split_at(self.together(rest));
                rest = after;
                let mails = self.read(batch, counted).await?;
                if mails.is_empty() {
                    continue;
                }
                let (uids, arrivals): (Vec<_>, Vec<_>) = mails.into_iter().unzip();
                let verdicts = take(arrivals).await?;
                for verdict in &verdicts {
                    counted.add(*verdict);
                }
                let taken = uids.into_iter().zip(verdicts).collect::<Vec<_>>();
                counted.unmoved += self.places.put_away(&mut self.connection, &taken).await?;
            }
        }
        Ok(())
    }

    /// How many of the first are read at once.
    fn together(&self, waiting: &[Waiting]) -> usize {
        let plain = waiting.iter().take_while(|mail| !self.wary.suspects(mail.uid)).count();
        fitting(&waiting[..plain.max(1)])
    }

    /// Until the server tells of news, or it is time to look again.
    pub(super) async fn wait(&mut self, idle: bool, poll: Duration) -> Result<(), Trouble> {
        if idle && self.connection.can("IDLE") && self.connection.idle(self.connection.deadlines.idle).await? {
            return Ok(());
        }
        let mut left = poll;
        loop {
            let nap = left.min(self.connection.deadlines.idle);
            tokio::time::sleep(nap).await;
            left -= nap;
            if left.is_zero() {
                return Ok(());
            }
            // So that nobody hangs up meanwhile.
            self.connection.must("NOOP", self.connection.small("NOOP"), |_| {}).await?;
        }
    }

    /// The mails to be read among the next few of the folder; `None` at its end. By number, not by UID, because numbers have no
    /// gaps; `Open::passed` follows when mails before it go.
    async fn next_window(&mut self, counted: &mut Counted) -> Result<Option<Vec<Waiting>>, Trouble> {
        let Open { passed, exists, gone, .. } = self.connection.folder;
        if passed >= exists {
            return Ok(None);
        }
        let (first, last) = (passed + 1, exists.min(passed.saturating_add(WINDOW)));
        let (mut waiting, mut told) = (Vec::new(), HashSet::new());
        let keep = |response| {
            if let Response::Fetch(mail) = response
                && mail.uid.is_some()
            {
                told.insert(mail.number);
                waiting.extend(to_be_read(&mail));
            }
        };
        let command = format!("FETCH {first}:{last} (UID RFC822.SIZE FLAGS)");
        self.connection.must(&command, self.connection.small("FETCH"), keep).await?;
        self.connection.folder.passed = last.min(self.connection.folder.exists);
        let untold = u64::from(last - passed).saturating_sub(told.len() as u64);
        if untold > 0 {
            // Either it is gone, and we hear of it now, or we did not understand what the server said of it.
            self.connection.must("NOOP", self.connection.small("NOOP"), |_| {}).await?;
            counted.unreadable += untold.saturating_sub(u64::from(self.connection.folder.gone - gone));
        }
        waiting.sort_unstable_by_key(|mail| (self.wary.suspects(mail.uid), mail.uid));
        waiting.dedup_by_key(|mail| mail.uid);
        let listed = waiting.len();
        waiting.retain(|mail| !self.wary.passes_over(mail.uid));
        counted.unreadable += (listed - waiting.len()) as u64;
        Ok(Some(waiting))
    }

    /// Reads these mails. One that the server has no octets of stays where it is; one that is gone is nobody's any more.
    async fn read(&mut self, batch: &[Waiting], counted: &mut Counted) -> Result<Vec<(u32, Arrival)>, Trouble> {
        let mut got = Bodies::default();
        let uids = batch.iter().map(|mail| mail.uid).collect::<Vec<_>>();
        if !self.fetch(&uids, &mut got).await? {
            // One bad mail must not keep the others from being read.
            let mut refused = Vec::new();
            for uid in uids.iter().filter(|uid| !got.bodies.contains_key(uid)).copied().collect::<Vec<_>>() {
                if !self.fetch(&[uid], &mut got).await? {
                    self.wary.refused(uid);
                    refused.push(uid);
                }
            }
            keep_those_there(&mut self.connection, &mut refused).await?;
            got.without.extend(refused);
        }
        counted.unreadable += uids.iter().filter(|uid| got.is_unreadable(**uid)).count() as u64;
        let mail = |mail: &Waiting| {
            let raw = got.bodies.remove(&mail.uid)?;
            let whole_size = mail.size.max(raw.len() as u64);
            Some((mail.uid, Arrival::Mail(IncomingMail { raw, to: None, whole_size })))
        };
        Ok(batch.iter().filter_map(mail).collect())
    }

    /// Whether the server said that this was all.
    async fn fetch(&mut self, uids: &[u32], got: &mut Bodies) -> Result<bool, Trouble> {
        let command = format!("UID FETCH {} (UID BODY.PEEK[]<0.{LARGEST}>)", set(uids));
        let time = self.connection.deadlines.fetch;
        let bounds = Bounds { what: "FETCH", time, room: HELD + LARGEST + SMALL };
        let keep = |response| {
            if let Response::Fetch(Fetched { uid: Some(uid), body, .. }) = response {
                got.keep(uid, body);
            }
        };
        let said = self.connection.command(&command, bounds, keep).await;
        match &said {
            Ok(_) => got.bodies.keys().for_each(|uid| self.wary.was_read(*uid)),
            Err(Trouble::Renumbered) => {}
            Err(_) => self.wary.ended_at(uids),
        }
        let said = said?;
        match said.status {
            Status::Ok => Ok(true),
            // Some servers call a mail that they cannot read a bad command.
            Status::No | Status::Bad => Ok(false),
            _ => Err(Trouble::Refused("FETCH", code(&said))),
        }
    }
}

#[derive(Debug, Default)]
struct Bodies {
    bodies: HashMap<u32, Vec<u8>>,
    /// The server spoke of them, but gave no octets.
    without: HashSet<u32>,
}

impl Bodies {
    fn keep(&mut self, uid: u32, body: Option<Vec<u8>>) {
        match body {
            Some(mut body) => {
                body.truncate(usize::try_from(LARGEST).unwrap_or(usize::MAX));
                self.bodies.insert(uid, body);
            }
            None => {
                self.without.insert(uid);
            }
        }
    }

    fn is_unreadable(&self, uid: u32) -> bool {
        self.without.contains(&uid) && !self.bodies.contains_key(&uid)
    }
}

/// Not what somebody deleted, nor what we put away already.
fn to_be_read(mail: &Fetched) -> Option<Waiting> {
    let flags = mail.flags.as_ref()?;
    let done = |flag: &String| flag.eq_ignore_ascii_case("\\Deleted") || flag.eq_ignore_ascii_case(MARK);
    let waiting = Waiting { uid: mail.uid?, size: mail.size.unwrap_or(LARGEST) };
    (!flags.iter().any(done)).then_some(waiting)
}

/// How many of the first can be held at once; at least one.
fn fitting(waiting: &[Waiting]) -> usize {
    let octets = waiting.iter().scan(0_u64, |sum, mail| {
        *sum += mail.size.min(LARGEST);
        Some(*sum)
    });
    octets.take(BATCH).take_while(|sum| *sum <= HELD).count().clamp(1, waiting.len())
}

/// UIDs as a command names them.
pub(super) fn set(uids: &[u32]) -> String {
    uids.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
}

/// Forgets those that somebody else took away.
pub(super) async fn keep_those_there(connection: &mut Connection, uids: &mut Vec<u32>) -> Result<(), Trouble> {
    if uids.is_empty() {
        return Ok(());
    }
    // A server may speak of mails that are gone until we have heard of it.
    connection.must("NOOP", connection.small("NOOP"), |_| {}).await?;
    let mut there = HashSet::new();
    let look = |response| {
        if let Response::Fetch(mail) = response {
            there.extend(mail.uid);
        }
    };
    let command = format!("UID FETCH {} (UID FLAGS)", set(uids));
    let said = connection.command(&command, connection.small("FETCH"), look).await?;
    if said.status == Status::Ok {
        uids.retain(|uid| there.contains(uid));
    }
    Ok(())
}

/// Opens the folder; whether it may be changed.
pub(super) async fn select(connection: &mut Connection, naming: &Naming, folder: &str) -> Result<bool, Trouble> {
    let Some(name) = naming.find(connection, folder).await? else {
        return Err(Trouble::Setup(format!("there is no folder {folder}: see receipts.imap.folder")));
    };
    connection.folder = Open::default();
    let said =
        connection.command(&format!("SELECT {}", connect::quoted(&name)), connection.small("SELECT"), |_| {}).await?;
    if said.status != Status::Ok {
        let code = code(&said);
        return Err(Trouble::Setup(format!("the folder {folder} cannot be opened{code}: see receipts.imap.folder")));
    }
    Ok(!said.has_code("READ-ONLY"))
}

/// Politeness: whatever comes of it, the connection is over.
pub(super) async fn goodbye(mut connection: Connection) {
    let bounds = Bounds { time: Duration::from_secs(5), ..connection.small("LOGOUT") };
    let _ = connection.command("LOGOUT", bounds, |_| {}).await;
}
