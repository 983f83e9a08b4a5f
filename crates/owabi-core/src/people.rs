//! People: their roles, and what each role may do. The one table of permissions.

use std::fmt;
use std::str::FromStr;

/// What a person is here for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Prepares a notice and sends it.
    Operator,
    /// Agrees to what the operator prepared.
    Approver,
    /// Looks at what was done.
    Auditor,
    /// Says who may do what, and helps out; never approves.
    Admin,
}

/// What a person may be allowed to do. Every verb that needs a person names one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Read a roster into the queue.
    Import,
    /// See the mail of one member.
    Preview,
    /// Send one mail to an address on the allow-list.
    TestSend,
    /// Have every letter written and checked.
    Preflight,
    /// Agree to what the preflight saw.
    Approve,
    /// Let the mails go.
    Release,
    /// Stop sending for now.
    Pause,
    /// Go on sending.
    Resume,
    /// Take everybody who is not sent to yet out of a notice.
    Withdraw,
    /// Send again to a selection.
    Resend,
    /// Correct a member's address.
    Correct,
    /// Say what became of a mail in doubt.
    Resolve,
    /// Record what was done instead of a mail.
    Substitute,
    /// Say of whom a bounce speaks; leave a source out.
    Track,
    /// Look at members' data on the screen.
    Look,
    /// Take members' data away in a file.
    Export,
    /// Read or write the report, which has no member's data.
    Report,
    /// Write the evidence of a notice into a file.
    Evidence,
    /// Look through the ledger and its seals.
    Ledger,
    /// Remove personal data after its retention.
    Purge,
    /// Put a legal hold on a notice, or end it.
    Hold,
    /// Say who the people are.
    Users,
    /// Copy or move the database.
    Database,
}

/// No role has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no role: operator, approver, auditor or admin")]
pub struct UnknownRole(String);

impl Role {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Operator, Self::Approver, Self::Auditor, Self::Admin];

    /// The word in the database and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Approver => "approver",
            Self::Auditor => "auditor",
            Self::Admin => "admin",
        }
    }

    /// Whether somebody of this role may do it.
    pub fn may(self, action: Action) -> bool {
        use Action::{Approve, Evidence, Export, Hold, Ledger, Look, Pause, Preview, Purge, Report, Users};
        match self {
            Self::Operator => !matches!(action, Approve | Ledger | Purge | Hold | Users | Action::Database),
            Self::Approver => matches!(action, Approve | Preview | Pause | Look | Report),
            Self::Auditor => matches!(action, Look | Export | Report | Evidence | Ledger),
            Self::Admin => action != Approve,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(word: &str) -> Result<Self, UnknownRole> {
        Self::ALL.into_iter().find(|role| role.as_str() == word).ok_or_else(|| UnknownRole(word.to_owned()))
    }
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 23] = [
        Self::Import,
        Self::Preview,
        Self::TestSend,
        Self::Preflight,
        Self::Approve,
        Self::Release,
        Self::Pause,
        Self::Resume,
        Self::Withdraw,
        Self::Resend,
        Self::Correct,
        Self::Resolve,
        Self::Substitute,
        Self::Track,
        Self::Look,
        Self::Export,
        Self::Report,
        Self::Evidence,
        Self::Ledger,
        Self::Purge,
        Self::Hold,
        Self::Users,
        Self::Database,
    ];

    /// The word in the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Import => "import",
            Self::Preview => "preview",
            Self::TestSend => "test_send",
            Self::Preflight => "preflight",
            Self::Approve => "approve",
            Self::Release => "release",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Withdraw => "withdraw",
            Self::Resend => "resend",
            Self::Correct => "correct",
            Self::Resolve => "resolve",
            Self::Substitute => "substitute",
            Self::Track => "track",
            Self::Look => "look",
            Self::Export => "export",
            Self::Report => "report",
            Self::Evidence => "evidence",
            Self::Ledger => "ledger",
            Self::Purge => "purge",
            Self::Hold => "hold",
            Self::Users => "users",
            Self::Database => "database",
        }
    }
}

/// After this many wrong passwords in a row the account waits.
const PATIENCE: i64 = 5;
const FIRST_WAIT_MS: i64 = 60_000;
const LONGEST_WAIT_MS: i64 = 3_600_000;

/// How long (milliseconds) no password is taken after the last of so many wrong ones in a row: one minute after the
/// fifth, twice as long after each further one, at most an hour.
pub fn wait_after(failures: i64) -> i64 {
    match failures - PATIENCE {
        ..0 => 0,
        doublings @ 0..6 => FIRST_WAIT_MS << doublings,
        _ => LONGEST_WAIT_MS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which roles may, in the order operator, approver, auditor, admin: one line for every action.
    const TABLE: [(Action, [bool; 4]); 23] = [
        (Action::Import, [true, false, false, true]),
        (Action::Preview, [true, true, false, true]),
        (Action::TestSend, [true, false, false, true]),
        (Action::Preflight, [true, false, false, true]),
        (Action::Approve, [false, true, false, false]),
        (Action::Release, [true, false, false, true]),
        (Action::Pause, [true, true, false, true]),
        (Action::Resume, [true, false, false, true]),
        (Action::Withdraw, [true, false, false, true]),
        (Action::Resend, [true, false, false, true]),
        (Action::Correct, [true, false, false, true]),
        (Action::Resolve, [true, false, false, true]),
        (Action::Substitute, [true, false, false, true]),
        (Action::Track, [true, false, false, true]),
        (Action::Look, [true, true, true, true]),
        (Action::Export, [true, false, true, true]),
        (Action::Report, [true, true, true, true]),
        (Action::Evidence, [true, false, true, true]),
        (Action::Ledger, [false, false, true, true]),
        (Action::Purge, [false, false, false, true]),
        (Action::Hold, [false, false, false, true]),
        (Action::Users, [false, false, false, true]),
        (Action::Database, [false, false, false, true]),
    ];

    #[test]
    fn every_role_may_do_exactly_what_the_table_says() {
        assert_eq!(TABLE.map(|(action, _)| action), Action::ALL);
        for (action, may) in TABLE {
            assert_eq!(Role::ALL.map(|role| role.may(action)), may, "{action:?}");
        }
    }

    #[test]
    fn every_action_has_a_word_of_its_own_and_every_role_is_read_back_from_its_word() {
        let mut words = Action::ALL.map(Action::as_str).to_vec();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Action::ALL.len());
        assert_eq!(Role::ALL.map(|role| role.to_string().parse()), Role::ALL.map(Ok));
        assert_eq!(
            "root".parse::<Role>().unwrap_err().to_string(),
            "\"root\" is no role: operator, approver, auditor or admin"
        );
    }

    #[test]
    fn after_five_wrong_passwords_the_account_waits_a_minute_then_twice_as_long_up_to_an_hour() {
        let minutes: Vec<i64> = [0, 4, 5, 6, 7, 8, 9, 10, 11, i64::MAX].map(|n| wait_after(n) / 60_000).to_vec();
        assert_eq!(minutes, [0, 0, 1, 2, 4, 8, 16, 32, 60, 60]);
    }
}
