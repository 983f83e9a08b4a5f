//! One mail looked for among the newest, without touching any.

use super::Mailbox;
use super::connect;
use super::connection::{Bounds, Connection, SMALL};
use super::folders::Naming;
use super::response::{Fetched, Response};
use super::session::{goodbye, select};
use super::trouble::Trouble;
use crate::receipts::find::{Came, better, of_mail};

/// So many of the newest are looked at.
const NEWEST: u32 = 20;
/// So many octets of each are read: a test mail is shorter.
const OCTETS: u64 = 64 << 10;

pub(super) async fn find(mailbox: &Mailbox, message_id: &str) -> Result<Option<Came>, Trouble> {
    let settings = &mailbox.settings;
    let mut connection = connect::open(mailbox).await?;
    let naming = Naming::ask(&mut connection).await?;
    let mut found = None;
    // A daemon may have put it away already.
    for folder in [&settings.folder, &settings.processed] {
        if !matches!(found, Some(Came::Itself(_))) && naming.find(&mut connection, folder).await?.is_some() {
            select(&mut connection, &naming, folder).await?;
            found = better(found, among_newest(&mut connection, message_id).await?);
        }
    }
    goodbye(connection).await;
    Ok(found)
}

async fn among_newest(connection: &mut Connection, message_id: &str) -> Result<Option<Came>, Trouble> {
    let last = connection.folder.exists;
    if last == 0 {
        return Ok(None);
    }
    let (first, mut found) = (last.saturating_sub(NEWEST - 1).max(1), None);
    let bounds = Bounds { what: "FETCH", time: connection.deadlines.step, room: u64::from(NEWEST) * OCTETS + SMALL };
    let keep = |response| {
        if let Response::Fetch(Fetched { body: Some(body), .. }) = response {
            found = better(found.take(), of_mail(&body, message_id));
        }
    };
    connection.must(&format!("FETCH {first}:{last} (UID BODY.PEEK[]<0.{OCTETS}>)"), bounds, keep).await?;
    Ok(found)
}
