//! The demonstration's ledger: sealed with a key of its own, and checked as `ledger verify` does.

use crate::cli::Session;
use crate::cli::evidence::sealed::seal_all;
use crate::cli::exit::Failure;
use crate::cli::say::say;
use crate::config::Config;
use crate::ledger;
use owabi_core::ids::Keys;
use owabi_core::ledger::Head;
use owabi_store::Store;

/// What the check said.
pub(super) struct Sealed {
    /// Nothing differs from what was sealed.
    pub(super) ok: bool,
    /// The newest seal.
    pub(super) head: Head,
}

/// Seals everything that was entered, checks it and says so in one line, with the head that is to be noted outside.
pub(super) async fn seal(session: &Session, config: &Config, store: &Store, keys: &Keys) -> Result<Sealed, Failure> {
    let (key, sealed) = seal_all(config, store, keys).await?;
    let entries = sealed.entries;
    let checked = ledger::check(store, keys, key.public(), Some(sealed), &|_| ()).await?;
    let head = checked.head;
    let ok = checked.first_bad.is_none() && checked.unsealed == 0;
    if ok {
        session.tell(&say!(
            ja: "5. 台帳の記録 {entries} 件を封印し、検証しました(異常なし)\n   {head}",
            en: "5. sealed the ledger's {entries} entries and verified them: as they were sealed\n   {head}"
        ));
    } else {
        session.warn(&say!(
            ja: "台帳を検証できません。`owabi ledger verify` で確かめてください。",
            en: "the ledger does not verify: look at `owabi ledger verify`"
        ));
    }
    Ok(Sealed { ok, head })
}
