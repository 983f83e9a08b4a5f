//! `check`: notices and letters, and whether what was released is still what lies on disk.

use super::Found;
use crate::cli::exit::Exit;
use crate::cli::say::{Text, say};
use crate::cli::session::Session;
use crate::library::Library;
use owabi_core::guard::GuardProblem;
use owabi_core::lifecycle::Status;
use owabi_store::{Store, StoreError};
use std::collections::BTreeMap;

/// Where members stand to whom a mail may still be sent.
const OPEN: [Status; 3] = [Status::Queued, Status::Sending, Status::InDoubt];

pub(super) fn check(session: &Session, library: &Library, found: &mut Found) {
    for problem in &library.problems {
        if problem.warning {
            found.warning(session, "notice", &problem.what);
        } else {
            found.problem(session, Exit::BadConfig, "notice", &problem.what);
        }
    }
    for (id, notice) in &library.notices {
        if notice.renderer.definition().policy.approvals_required == 0 {
            found.warning(session, "notice", &without_approval(id));
        }
        let problems = match notice.renderer.check() {
            Ok(problems) => problems.iter().map(GuardProblem::text).collect(),
            Err(error) => vec![error.text()],
        };
        for problem in problems {
            found.problem(session, Exit::BadConfig, "notice", &problem.at(id));
        }
    }
}

/// Allowed, for trials; but nobody should find it out after the release.
fn without_approval(id: &str) -> Text {
    say!(
        ja: "「{id}」は、誰の承認もなく解禁できます(policy.approvals_required: 0)。試用でなければ、1 か 2 にしてください。",
        en: "{id} can be released without anybody's approval (policy.approvals_required: 0): unless it is a trial, write 1 or 2"
    )
}

/// A released notice whose files are not those that were released is not sent.
pub(super) async fn check_released(
    session: &Session,
    store: &Store,
    library: &Library,
    found: &mut Found,
) -> Result<(), StoreError> {
    let counts = store.counts().await?;
    for row in store.notices().await?.iter().filter(|row| matches!(row.state.as_str(), "released" | "paused")) {
        let id = &row.id;
        let open = |of: &BTreeMap<Status, i64>| OPEN.iter().any(|status| of.get(status).is_some_and(|n| *n > 0));
        if !library.is_as_released(row) && counts.get(id).is_some_and(open) {
            let what = say!(
                ja: "解禁済みの「{id}」のファイルが、解禁時のものと違うか、読めません。このままでは送信されません。承認時の内容に戻してください。",
                en: "{id} is released, and its files are not those that were released, or cannot be read: it is not sent. Restore them as they were approved"
            );
            found.problem(session, Exit::BadConfig, "notice", &what);
        }
    }
    Ok(())
}
