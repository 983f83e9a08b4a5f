//! What no entry explains, or what an entry names that is gone.

use owabi_core::address::Address;
use owabi_core::ids::is_pseudonym;
use owabi_store::{Store, StoreError};

/// Addresses that are read together.
const PAGE: i64 = 1_000;

/// What is wrong outside the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// The mark of a copy under way stands in the database: nothing is entered meanwhile.
    Copying,
    /// A trigger that keeps or enters records is missing or switched off.
    TriggerMissing,
    /// Another one stands under its name.
    TriggerAltered,
    /// An entry names a member who is gone.
    MemberGone,
    /// An import has not as many members as it brought.
    MembersDiffer,
    /// A table has rows without an entry, or too few.
    NotEntered,
    /// A member's address is not the one that was corrected, or written to, last.
    AddressDiffers,
}

/// Something that no entry explains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unexplained {
    /// What.
    pub sort: Sort,
    /// The notice, if it is of one.
    pub notice_id: String,
    /// Whose, or which: a member's number or row, a batch, a table, a trigger.
    pub whose: String,
}

impl Sort {
    /// All.
    pub const ALL: [Self; 7] = [
        Self::Copying,
        Self::TriggerMissing,
        Self::TriggerAltered,
        Self::MemberGone,
        Self::MembersDiffer,
        Self::NotEntered,
        Self::AddressDiffers,
    ];

    /// Its word in `--json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Copying => "copying",
            Self::TriggerMissing => "trigger_missing",
            Self::TriggerAltered => "trigger_altered",
            Self::MemberGone => "member_gone",
            Self::MembersDiffer => "members_differ",
            Self::NotEntered => "not_entered",
            Self::AddressDiffers => "address_differs",
        }
    }

    fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|sort| sort.as_str() == word)
    }
}

/// The first that is found.
pub(super) async fn first(store: &Store) -> Result<Option<Unexplained>, StoreError> {
    for loose in store.loose_of_the_ledger().await? {
        if let Some(sort) = Sort::of(&loose.sort) {
            return Ok(Some(Unexplained { sort, notice_id: loose.notice_id, whose: loose.whose }));
        }
    }
    match address(store).await? {
        Some(found) => Ok(Some(found)),
        None => trigger(store).await,
    }
}

/// Last, since what was done past a trigger says more.
async fn trigger(store: &Store) -> Result<Option<Unexplained>, StoreError> {
    let wrong = store.wrong_trigger().await?;
    Ok(wrong.map(|wrong| {
        let sort = if wrong.altered { Sort::TriggerAltered } else { Sort::TriggerMissing };
        Unexplained { sort, notice_id: String::new(), whose: wrong.name }
    }))
}

async fn address(store: &Store) -> Result<Option<Unexplained>, StoreError> {
    let mut after = i64::MIN;
    loop {
        let rows = store.other_addresses(after, PAGE).await?;
        let Some(last) = rows.last() else { return Ok(None) };
        after = last.id;
        let differs = |row: &owabi_store::OtherAddress| match (&row.corrected, &row.written) {
            (Some(_), _) => true,
            (None, Some(written)) => !same(&row.email, written),
            (None, None) => false,
        };
        if let Some(row) = rows.into_iter().find(differs) {
            let (notice_id, whose) = (row.notice_id, row.member_no);
            return Ok(Some(Unexplained { sort: Sort::AddressDiffers, notice_id, whose }));
        }
    }
}

/// Whether a stored address is written to in this form. Of two that were purged nobody can tell.
fn same(email: &str, written: &str) -> bool {
    let purged = is_pseudonym(email) && is_pseudonym(written);
    purged || Address::from_stored(email).is_ok_and(|address| address.envelope() == written)
}
