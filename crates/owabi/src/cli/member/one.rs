//! One person of one notice, by number.

use crate::cli::exit::{Exit, Failure};
use crate::cli::pause::known_state;
use crate::cli::say::say;
use crate::cli::session::Session;
use owabi_core::roster::listed_number;
use owabi_store::{MemberRow, MemberStanding, NoticeRow, Store};
use serde_json::json;

/// Finds the member with this number, for `verb`. One who is in several notices is found when the notice is named. Whether somebody is
/// there, and where, says something of them: the look is in the ledger first, also when nobody is.
///
/// # Errors
/// 1 when there is no such member, 2 when the notice must be named.
pub(in crate::cli) async fn one(
    session: &Session,
    store: &Store,
    (verb, member_no): (&str, &str),
    notice: Option<&str>,
) -> Result<(NoticeRow, MemberRow, MemberStanding), Failure> {
    let (no, mut found) = (listed_number(member_no), Vec::new());
    let mut notices = store.notices().await?;
    if let Some(id) = notice {
        notices.retain(|row| row.id == id);
        known_state((session, store), notices.first().map(|row| row.state.clone()), id).await?;
    }
    for row in notices {
        if let Some(member) = store.member(&row.id, &no).await? {
            found.push((row, member));
        }
    }
    let of = if let [(row, _)] = &found[..] { Some(row.id.as_str()) } else { notice };
    let rows = i64::try_from(found.len()).unwrap_or(i64::MAX);
    session.look(store, verb, &json!({ "notice": of, "member": no }), rows).await?;
    if found.len() > 1 {
        let ids: Vec<String> = found.into_iter().map(|(row, _)| row.id).collect();
        let ids = ids.join(", ");
        return Err(Failure::with(
            Exit::Usage,
            say!(ja: "会員番号 {no} の方は複数のお知らせにいます: {ids}", en: "member {no} is in several notices: {ids}"),
            say!(ja: "--notice で指定してください。", en: "name one with --notice"),
        ));
    }
    let Some((row, member)) = found.pop() else { return Err(super::show::nobody(&no)) };
    match store.standings(&[member.id]).await?.pop() {
        Some(standing) => Ok((row, member, standing)),
        None => Err(super::show::nobody(&no)),
    }
}
