//! How a command ends: one exit code for each kind of failure, and what the operator is told.

use super::say::{Text, say};
use super::trouble;
use crate::config::ConfigError;
use crate::import::ImportError;
use crate::keys::KeyError;
use crate::ledger::key::SealKeyError;
use owabi_store::StoreError;

/// The exit codes of the contract (those of sysexits.h where it has one).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done,
    /// Failed, or refused for a reason that the operator can remove.
    Failed,
    /// The command line is wrong.
    Usage,
    /// Bad input data: refused lines, letters with problems.
    BadData,
    /// The relay or the database cannot be reached.
    Unavailable,
    /// Somebody else holds the lock: try again.
    TryAgain,
    /// The configuration, a notice, a key or the database's schema is wrong.
    BadConfig,
}

impl Exit {
    /// All of them, by their codes.
    pub const ALL: [Self; 7] =
        [Self::Done, Self::Failed, Self::Usage, Self::BadData, Self::Unavailable, Self::TryAgain, Self::BadConfig];

    /// What it means, for the manual page and the reference.
    pub fn meaning(self) -> Text {
        match self {
            Self::Done => say!(ja: "終わりました。", en: "done"),
            Self::Failed => say!(
                ja: "できなかったか、断りました(原因を取り除くか、できる役割の人が実行します)。report・ledger verify・evidence verify では、合わないところがあります。doctor では悪いところが、db migrate --dry-run では変わるところがあります。",
                en: "failed, or refused for a reason that you can remove or by your role; report, ledger verify or evidence verify found that something does not agree, doctor that something is wrong, db migrate --dry-run that something would change"
            ),
            Self::Usage => say!(
                ja: "コマンドの書き方の誤り、ないお知らせの指定、端末なしで --yes が必要なとき。",
                en: "the command line is wrong, names a notice that is not there, or needs --yes without a terminal"
            ),
            Self::BadData => say!(
                ja: "入力データの誤り。拒否した行、問題のある文面、使えないアドレス。",
                en: "bad input data: refused lines, letters with problems, an address that cannot be used"
            ),
            Self::Unavailable => say!(
                ja: "中継サーバーかデータベースに届きません。",
                en: "the relay or the database cannot be reached"
            ),
            Self::TryAgain => say!(
                ja: "ほかの owabi が使用中、health.listen のポートが使用中、または(ledger verify で)台帳がまだ一度も封印されていない場合です。もう一度実行してください。",
                en: "another owabi is at work, the port of health.listen is taken, or (ledger verify) nothing was sealed yet: try again"
            ),
            Self::BadConfig => say!(
                ja: "設定、お知らせ、鍵、データベースのスキーマのどれかに誤りがあります。",
                en: "the configuration, a notice, a key or the database's schema is wrong"
            ),
        }
    }

    /// The process's exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::BadData => 65,
            Self::Unavailable => 69,
            Self::TryAgain => 75,
            Self::BadConfig => 78,
        }
    }
}

/// Why a command did not do what it was asked, and what to do next.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// What is wrong, and where.
    pub what: Text,
    /// What to do next.
    pub next: Option<Text>,
}

impl Failure {
    pub(crate) fn new(exit: Exit, what: Text) -> Self {
        Self { exit, what, next: None }
    }

    pub(crate) fn with(exit: Exit, what: Text, next: Text) -> Self {
        Self { exit, what, next: Some(next) }
    }
}

/// What every verb gives back.
pub(crate) type Answer = Result<Exit, Failure>;

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let Text { ja, en } = error.text();
        Self::new(Exit::BadConfig, say!(ja: "設定に誤りがあります。\n{ja}", en: "the configuration is wrong\n{en}"))
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new(Exit::Failed, Text::same(error.to_string()))
    }
}

impl From<KeyError> for Failure {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Store(error) => error.into(),
            other => Self { exit: Exit::BadConfig, what: other.what(), next: other.next() },
        }
    }
}

impl From<SealKeyError> for Failure {
    fn from(error: SealKeyError) -> Self {
        match error {
            SealKeyError::Store(error) => error.into(),
            other => Self { exit: Exit::BadConfig, what: other.what(), next: other.next() },
        }
    }
}

impl From<ImportError> for Failure {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::Store(error) => error.into(),
            ImportError::Roster(error) => Self::with(
                Exit::BadData,
                Text { ja: error.text(owabi_core::address::Lang::Ja), en: error.text(owabi_core::address::Lang::En) },
                say!(ja: "何も取り込んでいません。", en: "nothing was imported"),
            ),
            ImportError::File(file, error) => Self::new(
                Exit::BadData,
                say!(ja: "{file} を読み書きできません: {error}", en: "{file} cannot be read or written: {error}"),
            ),
            ImportError::GivenBack(file, error) => Self::with(
                Exit::Failed,
                say!(ja: "取り込みましたが、{file} に書けません: {error}", en: "imported, but {file} cannot be written: {error}"),
                say!(ja: "別のファイル名でもう一度取り込むと、その行だけが書き出されます。二重には取り込みません。", en: "import again and name another file: nothing is imported twice"),
            ),
            ImportError::DoesNotAddUp(totals) => Self::with(
                Exit::Failed,
                say!(ja: "行数の合計が合いません ({totals:?})。", en: "the lines do not add up ({totals:?})"),
                say!(ja: "何も取り込んでいません。これは owabi の不具合です。", en: "nothing was imported; this is a defect of owabi"),
            ),
        }
    }
}

/// What to do when the database has less than the head that was noted outside.
pub(crate) fn after_a_restore() -> Text {
    say!(
        ja: "バックアップから戻したのでなければ、何も変えず、送信を止めて(`owabi pause`)調べてください。\n戻した場合:\n  1. すぐに `owabi pause お知らせID` で止める。バックアップより後に送った方も「未送信」に戻っており、そのままではもう一度送ります\n  2. より新しいデータベースが残っていれば、それに戻す。手順はここで終わり\n  3. なければ、中継サーバーのログから、バックアップより後に送った方の会員番号の一覧を作り、`owabi withdraw --notice お知らせID --file 一覧.csv --reason …` で除く\n  4. `owabi db accept-restored` で、戻したことを認める(データベースの外にあった控えは、別のファイルに残る)。それまで `owabi run` は送信も封印もしない\n  5. `owabi run` を始める。メールを送り始めていた方は除けず、結果不明になる。`owabi log --status in_doubt` で見て、中継サーバーのログにある方を `owabi resolve 会員番号 --as accepted --reason …` で決める\n  6. 除いた方は、報告書では取り下げた人に数えられる。どのように知らせたかを `owabi substitute add --notice お知らせID --file 一覧.csv --kind other --on 日付` で記録し、`resend --status withdrawn` と `import --take-in-withdrawn` の対象にしない\n  7. `owabi resume お知らせID`",
        en: "unless a backup was restored: change nothing, stop sending (`owabi pause`) and find out.\nafter a restore:\n  1. `owabi pause ID` at once: whoever was sent to after the backup counts as not sent to again, and would get it twice\n  2. if a newer database is still there, put it back; that is all\n  3. else list the member numbers of those whose mails left after the backup, from the relay's log, and leave them out: `owabi withdraw --notice ID --file LIST --reason …`\n  4. `owabi db accept-restored` says that it was meant (the seal that was noted outside of the database is kept in another file); until then `owabi run` neither sends nor seals\n  5. start `owabi run`; members whose mail had begun could not be left out and become in doubt: `owabi log --status in_doubt`, and `owabi resolve NO --as accepted --reason …` for each whom the relay's log shows\n  6. those who were left out count as withdrawn in the report: record how they were told, `owabi substitute add --notice ID --file LIST --kind other --on DAY`, and leave them out of any `resend --status withdrawn` and `import --take-in-withdrawn`\n  7. `owabi resume ID`"
    )
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let (exit, next) = match &error {
            StoreError::Setup(what) => return trouble::setup(what),
            StoreError::Unavailable(_) => trouble::unavailable(error.trouble()),
            StoreError::SchemaOlder { .. } => (
                Exit::BadConfig,
                say!(ja: "バックアップを取り(`owabi db backup`、PostgreSQL では pg_dump)、`owabi db migrate` を実行してください。", en: "make a copy (`owabi db backup`; pg_dump on PostgreSQL), then run `owabi db migrate`"),
            ),
            StoreError::SchemaNewer { .. } => (
                Exit::BadConfig,
                say!(ja: "新しい版の owabi を使ってください。何も変更していません。", en: "use the newer owabi; nothing was changed"),
            ),
            StoreError::Damaged(_) => (
                Exit::BadConfig,
                say!(ja: "バックアップから戻してください。何も変更していません。", en: "restore a backup; nothing was changed"),
            ),
            StoreError::Url(_) | StoreError::Migrate(_) => (
                Exit::BadConfig,
                say!(ja: "`owabi check` で設定を確かめてください。", en: "look at it with `owabi check`"),
            ),
            StoreError::SealsGone { .. } => (Exit::Failed, after_a_restore()),
            StoreError::SealsUnknown => (Exit::BadConfig, after_a_restore()),
            StoreError::NoNote(_) => (Exit::BadConfig, super::db::note_must_be_written()),
            StoreError::Row { .. } => (
                Exit::BadData,
                say!(ja: "その行を直してからやり直してください。", en: "correct that row and try again"),
            ),
            StoreError::RosterChanged { .. } => (
                Exit::Failed,
                say!(ja: "`owabi preflight` からやり直してください。", en: "begin again with `owabi preflight`"),
            ),
            StoreError::ChangedMeanwhile => {
                (Exit::TryAgain, say!(ja: "同じコマンドをもう一度実行してください。", en: "run the same command again"))
            }
            StoreError::DecidedMeanwhile => (
                Exit::Failed,
                say!(ja: "`owabi track review` に残っているか、`owabi member show` に何が記録されたかを見てください。", en: "see whether it is still in `owabi track review`, and what `owabi member show` says was recorded"),
            ),
            StoreError::Purged => (
                Exit::Failed,
                say!(
                    ja: "名簿の取り込み、宛先の訂正、備考の記録、解禁、再開は、もうできません。送る必要があれば、新しい id のお知らせにしてください。",
                    en: "no roster, corrected address or note is added any more, and it is neither released nor resumed; if it must be sent, make it a notice with a new id"
                ),
            ),
            StoreError::OtherTextWaits { .. } => (
                Exit::Failed,
                say!(
                    ja: "待っている方々には、その方々のために承認されていない文面が届いてしまいます。前の文面のファイルに戻して `owabi run` で送り終えるか、直した文面を新しい id のお知らせにしてください。",
                    en: "they would get a text that was not approved for them: restore the earlier files until `owabi run` has sent to them, or give the new text a notice with a new id"
                ),
            ),
            StoreError::NoticeState => {
                (Exit::Failed, say!(ja: "`owabi status` で確かめてください。", en: "look at `owabi status`"))
            }
            StoreError::Refused(_) => {
                (Exit::Failed, say!(ja: "`owabi db check` を実行してください。", en: "run `owabi db check`"))
            }
        };
        Self::with(exit, trouble::what(&error), next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_exit_codes_are_listed_once_and_in_order() {
        let place = |exit: Exit| match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::BadData => 3,
            Exit::Unavailable => 4,
            Exit::TryAgain => 5,
            Exit::BadConfig => 6,
        };
        assert!(Exit::ALL.iter().enumerate().all(|(n, exit)| place(*exit) == n));
        assert!(Exit::ALL.windows(2).all(|two| two[0].code() < two[1].code()));
    }
}
