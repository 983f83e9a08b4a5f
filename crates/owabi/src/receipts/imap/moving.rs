//! Where mails go that were recorded, by what the server can do. What others deleted is never removed.

use super::Verdict;
use super::connect::quoted;
use super::connection::Connection;
use super::folders::Naming;
use super::response::Status;
use super::session::{keep_those_there, set};
use super::trouble::Trouble;
use crate::config::Imap;

/// The keyword of mails that were taken and have to stay.
pub(super) const MARK: &str = "$owabi";

/// How mails are put away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Putting {
    /// Moved (MOVE, RFC 6851).
    Moved,
    /// Copied, and then exactly these removed from the folder (UIDPLUS, RFC 4315).
    CopiedAndRemoved,
    /// Copied, and marked with the keyword `$owabi`: the server can do no more without removing what others deleted.
    CopiedAndMarked,
    /// Left alone: the server can do nothing of that.
    Left,
    /// Left alone: this user may only read the folder.
    ReadOnly,
}

impl Putting {
    pub(super) fn of(connection: &Connection, writable: bool) -> Self {
        let keeps = |flags: &String| {
            flags.trim_matches(['(', ')']).split(' ').any(|flag| flag == "\\*" || flag.eq_ignore_ascii_case(MARK))
        };
        match () {
            () if !writable => Self::ReadOnly,
            () if connection.can("MOVE") => Self::Moved,
            () if connection.can("UIDPLUS") => Self::CopiedAndRemoved,
            // A server that does not say which flags it keeps, keeps all.
            () if connection.folder.permanent.as_ref().is_none_or(keeps) => Self::CopiedAndMarked,
            () => Self::Left,
        }
    }

    /// What to do about mails that stay.
    pub(super) fn advice(self) -> &'static str {
        match self {
            Self::ReadOnly => "let the user of receipts.imap change that folder",
            Self::Left => "the server has neither MOVE nor UIDPLUS nor keywords: move them by hand now and then",
            _ => {
                "see that the folders of receipts.imap.processed and review exist or can be made, and that there is room in them"
            }
        }
    }
}

/// The folders that mails go to, and how.
#[derive(Debug)]
pub(super) struct Places {
    naming: Naming,
    pub(super) putting: Putting,
    processed: Place,
    review: Place,
}

#[derive(Debug)]
struct Place {
    /// As the configuration names it.
    name: String,
    /// As the server does; `None`: there is no such folder, and it could not be made.
    here: Option<String>,
}

impl Places {
    /// Finds or makes the folders. When that fails mails are taken all the same.
    pub(super) async fn prepare(
        connection: &mut Connection,
        naming: Naming,
        settings: &Imap,
        writable: bool,
    ) -> Result<Self, Trouble> {
        let putting = Putting::of(connection, writable);
        let mut places = [None, None];
        if !matches!(putting, Putting::Left | Putting::ReadOnly) {
            places =
                [naming.make(connection, &settings.processed).await?, naming.make(connection, &settings.review).await?];
        }
        let [processed, review] = places;
        Ok(Self {
            naming,
            putting,
            processed: Place { name: settings.processed.clone(), here: processed },
            review: Place { name: settings.review.clone(), here: review },
        })
    }

    /// Puts these mails away; how many had to stay.
    pub(super) async fn put_away(
        &mut self,
        connection: &mut Connection,
        taken: &[(u32, Verdict)],
    ) -> Result<u64, Trouble> {
        let (review, processed): (Vec<_>, Vec<_>) = taken.iter().partition(|(_, verdict)| *verdict == Verdict::Review);
        let mut stayed = 0;
        for (place, mails) in [(&mut self.processed, processed), (&mut self.review, review)] {
            let mut uids = mails.into_iter().map(|(uid, _)| uid).collect::<Vec<_>>();
            if !uids.is_empty() && !put(connection, &self.naming, self.putting, place, &mut uids).await? {
                stayed += uids.len() as u64;
            }
        }
        Ok(stayed)
    }
}

/// Whether the mails went where they should. Then, or else, `uids` has no longer those that somebody else took away.
async fn put(
    connection: &mut Connection,
    naming: &Naming,
    putting: Putting,
    place: &mut Place,
    uids: &mut Vec<u32>,
) -> Result<bool, Trouble> {
    let verb = match putting {
        Putting::Moved => "MOVE",
        Putting::CopiedAndRemoved | Putting::CopiedAndMarked => "COPY",
        Putting::Left | Putting::ReadOnly => return Ok(false),
    };
    if !to_place(connection, naming, verb, place, uids).await? {
        return Ok(false);
    }
    let uids = set(uids);
    match putting {
        Putting::CopiedAndRemoved => {
            Ok(ok(connection, &format!("UID STORE {uids} +FLAGS.SILENT (\\Deleted)"), "STORE").await?
                && ok(connection, &format!("UID EXPUNGE {uids}"), "EXPUNGE").await?)
        }
        Putting::CopiedAndMarked => {
            ok(connection, &format!("UID STORE {uids} +FLAGS.SILENT (\\Seen {MARK})"), "STORE").await
        }
        _ => Ok(true),
    }
}

/// MOVE or COPY. A folder that is gone (somebody tidied up) is made once more; without mails that are gone (another reader had
/// them) it is tried once more.
async fn to_place(
    connection: &mut Connection,
    naming: &Naming,
    verb: &'static str,
    place: &mut Place,
    uids: &mut Vec<u32>,
) -> Result<bool, Trouble> {
    for _ in 0..3 {
        if place.here.is_none() {
            place.here = naming.make(connection, &place.name).await?;
        }
        let Some(here) = &place.here else { return Ok(false) };
        let command = format!("UID {verb} {} {}", set(uids), quoted(here));
        let said = connection.command(&command, connection.small(verb), |_| {}).await?;
        if said.status == Status::Ok {
            return Ok(true);
        }
        if said.has_code("TRYCREATE") {
            place.here = None;
            continue;
        }
        let before = uids.len();
        keep_those_there(connection, uids).await?;
        match uids.len() {
            0 => return Ok(true),
            left if left == before => return Ok(false),
            _ => {}
        }
    }
    Ok(false)
}

async fn ok(connection: &mut Connection, command: &str, what: &'static str) -> Result<bool, Trouble> {
    let said = connection.command(command, connection.small(what), |_| {}).await?;
    Ok(said.status == Status::Ok)
}
