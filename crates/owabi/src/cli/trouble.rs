//! What a database's trouble means for the operator, and what to do about it.

use super::exit::{Exit, Failure};
use super::say::{Text, say};
use owabi_store::{Durability, Setup, StoreError, Trouble, unreadable_row};

/// Of a relay with `tls: none` that is not this machine.
pub(super) fn in_the_clear(name: &str, host: &str) -> Text {
    say!(
        ja: "中継サーバー {name}({host})との間は暗号化されません(tls: none)。会員の氏名とメールアドレスが平文で流れます。tls: starttls か implicit にするか、このマシンの中継サーバーを使ってください。",
        en: "nothing protects the way to the relay {name} at {host} (tls: none): members' names and mail addresses travel in the clear; use tls: starttls or implicit, or a relay on this machine"
    )
}

/// What is wrong, in words of ours; what the driver or the server said follows in parentheses.
pub(super) fn what(error: &StoreError) -> Text {
    let said = error.said().unwrap_or_default();
    let ja = match error {
        StoreError::Unavailable(_) => format!("{}({said})。", not_available(error.trouble())),
        StoreError::Setup(lacks) => return setup(lacks).what,
        StoreError::SchemaOlder { found, wanted } => {
            format!("データベースのスキーマは版 {found} です。この owabi には版 {wanted} が必要です。")
        }
        StoreError::SchemaNewer { found, wanted } => {
            format!("データベースのスキーマは版 {found} です。この owabi が扱えるのは版 {wanted} までです。")
        }
        StoreError::Damaged(_) => format!("データベースのファイルが壊れています({said})。"),
        StoreError::Url(url) => {
            format!("database.url の {url:?} は、sqlite:ファイル でも postgres://… でもありません。")
        }
        StoreError::Migrate(_) => format!("スキーマを更新できませんでした。何も変更していません({said})。"),
        StoreError::SealsGone { number } => {
            format!("台帳の封印 {number} が消えているか、別のものになっています。封印を続けていません。")
        }
        StoreError::SealsUnknown => {
            "この待ち行列には封印がありますが、その控えがこのマシンにありません。古いコピーかもしれないため、封印を続けていません。".to_owned()
        }
        StoreError::NoNote(place) => format!("台帳の封印の控えを書けないため({place})、封印していません。"),
        StoreError::Row { id, what } => return unreadable_row(*id, what),
        StoreError::RosterChanged { looked_at, held } => {
            format!(
                "確かめた後に対象者が変わっています(そのとき {looked_at} 名、いま {held} 名)。何も解禁していません。"
            )
        }
        StoreError::DecidedMeanwhile => "その間に、すでに決まっていました。何も記録していません。".to_owned(),
        StoreError::ChangedMeanwhile => "その間に行かお知らせが変わりました。何もしていません。".to_owned(),
        StoreError::Purged => "このお知らせの個人情報は削除済みか、削除の途中です。何もしていません。".to_owned(),
        StoreError::OtherTextWaits { waiting } => {
            format!("前に解禁した文面を待っている方が {waiting} 名います。何も解禁していません。")
        }
        StoreError::NoticeState => {
            "お知らせはその間に一時停止されたか、取り下げられました。何も解禁していません。".to_owned()
        }
        StoreError::Refused(_) => format!("データベースが処理を断りました({said})。"),
    };
    Text { ja, en: error.to_string() }
}

fn not_available(trouble: Option<Trouble>) -> &'static str {
    match trouble {
        Some(Trouble::Locked) => "データベースはほかの処理が使用中です",
        Some(Trouble::ReadOnly) => "データベースに書き込めません。読み取り専用です",
        Some(Trouble::DiskFull) => "データベースに書き込めません。ディスクがいっぱいです",
        Some(Trouble::Unreachable) => "データベースにつながりません",
        Some(Trouble::Tls) => "データベースに安全に接続できません",
        Some(Trouble::Connections) => "データベースへの接続が得られません",
        Some(Trouble::Slow) => "データベースの処理が制限時間を超えました",
        Some(Trouble::Other) | None => "データベースを使えません",
    }
}

/// The exit code and the next step for a database that is not available.
pub(super) fn unavailable(trouble: Option<Trouble>) -> (Exit, Text) {
    let next = match trouble {
        Some(Trouble::Locked) => {
            return (
                Exit::TryAgain,
                say!(ja: "ほかの owabi が書き込み中です。しばらくしてからやり直してください。", en: "another owabi is writing; try again in a moment"),
            );
        }
        Some(Trouble::ReadOnly) => say!(
            ja: "database.url が書き込めるサーバー(スタンバイでないもの)やファイルを指しているか確かめてください。",
            en: "it is read-only: does database.url lead to the server that takes writes (no standby), or to a file that you may write?"
        ),
        Some(Trouble::DiskFull) => say!(
            ja: "空きを作ると、そのまま続けられます。",
            en: "the database's disk is full: make room, and it goes on"
        ),
        Some(Trouble::Unreachable) => say!(
            ja: "database.url のホストとポート、PostgreSQL が動いているか、途中のファイアウォールを確かめてください。",
            en: "check host and port in database.url, that PostgreSQL is running there, and firewalls on the way"
        ),
        Some(Trouble::Tls) => say!(
            ja: "サーバーの TLS と、database.tls、database.ca_file を確かめてください(docs/postgresql.ja.md)。",
            en: "check the server's TLS, database.tls and database.ca_file (docs/postgresql.md)"
        ),
        Some(Trouble::Connections) => say!(
            ja: "サーバーに届くか、サーバーの max_connections と database.pool を確かめてください。",
            en: "no connection: can the server be reached, and is there room in its max_connections and in database.pool?"
        ),
        Some(Trouble::Slow) => say!(
            ja: "サーバーの負荷と database.statement_timeout を確かめてください。",
            en: "it took longer than database.statement_timeout: is the server overloaded?"
        ),
        Some(Trouble::Other) | None => say!(
            ja: "database.url と、そのフォルダーの権限・空き容量を確かめてください。",
            en: "check database.url and the permissions and free space of its folder"
        ),
    };
    (Exit::Unavailable, next)
}

/// What a PostgreSQL server lacks.
pub(super) fn setup(setup: &Setup) -> Failure {
    let (what, next) = match setup {
        Setup::Url(why) => (
            say!(ja: "データベースの URL を使えません({why})。", en: "{setup}"),
            say!(ja: "postgres://ユーザー@ホスト/データベース の形で書いてください。", en: "write postgres://user@host/database"),
        ),
        Setup::File { key, path, problem } => (
            {
                let file = path.display();
                say!(ja: "{key} のファイル {file} を使えません({problem})。", en: "{setup}")
            },
            say!(ja: "PEM 形式のファイルを、owabi を動かすアカウントが読めるところに置いてください。", en: "it must be a PEM file that the account that runs owabi can read"),
        ),
        Setup::Login(said) => (
            say!(ja: "データベースにログインできません({said})。", en: "{setup}"),
            say!(
                ja: "database.url のユーザー名と database.password_file(または password_credential)、サーバーの pg_hba.conf を確かめてください。",
                en: "check the user in database.url, database.password_file (or password_credential), and the server's pg_hba.conf"
            ),
        ),
        Setup::NoDatabase(said) => (
            say!(ja: "データベースがありません({said})。", en: "there is no such database: {said}"),
            say!(
                ja: "サーバーで `createdb --owner=ロール名 --encoding=UTF8 --template=template0 データベース名` を実行してください。",
                en: "on the server run `createdb --owner=ROLE --encoding=UTF8 --template=template0 DATABASE`"
            ),
        ),
        Setup::Denied(said) => (
            say!(ja: "データベースのロールに権限がありません({said})。", en: "{setup}"),
            say!(
                ja: "owabi のロールをデータベースの所有者にする(`ALTER DATABASE 名前 OWNER TO ロール`)のが簡単です。",
                en: "simplest is that owabi's role owns the database: `ALTER DATABASE name OWNER TO role`"
            ),
        ),
        Setup::Encoding { database, encoding } => (
            say!(ja: "データベース {database} の文字コードは {encoding} です。UTF8 が必要です。", en: "{setup}"),
            say!(
                ja: "`createdb --encoding=UTF8 --template=template0` で作り直してください。",
                en: "make another one with `createdb --encoding=UTF8 --template=template0`"
            ),
        ),
        Setup::OtherTables { database, schema } => (
            say!(ja: "データベース {database}(スキーマ {schema})には、owabi のものではない表があります。", en: "{setup}"),
            say!(
                ja: "`owabi db migrate` でその中に owabi の表を作れます。専用のデータベースのほうが安全です。",
                en: "`owabi db migrate` creates owabi's tables there; a database of its own is safer"
            ),
        ),
        Setup::OtherProgram { database, schema } => (
            say!(ja: "データベース {database}(スキーマ {schema})は、ほかのプログラムのものです。", en: "{setup}"),
            say!(ja: "owabi 専用のデータベースを作ってください。", en: "give owabi a database of its own"),
        ),
        Setup::NoSchema { database } => (
            say!(ja: "データベース {database} に、表を置くスキーマがありません(search_path)。", en: "{setup}"),
            say!(ja: "`CREATE SCHEMA` を実行するか、ロールの search_path を直してください。", en: "run `CREATE SCHEMA`, or correct the role's search_path"),
        ),
    };
    Failure::with(Exit::BadConfig, what, next)
}

/// What makes commits less durable, and what that costs.
pub(super) fn durability(what: Durability) -> Text {
    match what {
        Durability::FsyncOff => say!(
            ja: "サーバーの fsync が off です。停電で記録が失われ、同じメールが印なしに二度届くことがあります。",
            en: "the server has fsync = off: a power cut loses records, and a mail may be sent twice without a flag"
        ),
        Durability::FullPageWritesOff => say!(
            ja: "サーバーの full_page_writes が off です。停電でデータベースが壊れることがあります。",
            en: "the server has full_page_writes = off: a power cut may damage the database"
        ),
        Durability::StandbysBehind(n) => say!(
            ja: "スタンバイなど {n} 台が複製を受けていますが、同期ではありません(synchronous_standby_names が空)。切り替えると最後の記録が失われ、同じメールが印なしに二度届くことがあります。",
            en: "{n} standbys or backups follow, none synchronously (synchronous_standby_names is empty): a failover loses the last records, and a mail may be sent twice without a flag"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    fn refused() -> sqlx::Error {
        sqlx::Error::Io(io::Error::new(io::ErrorKind::ConnectionRefused, "192.0.2.1:5432: Connection refused"))
    }

    #[test]
    fn what_is_wrong_is_a_sentence_in_each_language_and_the_drivers_words_are_its_detail() {
        let Text { ja, en } = what(&StoreError::Unavailable(refused()));
        assert_eq!(ja, "データベースにつながりません(192.0.2.1:5432: Connection refused)。");
        assert_eq!(en, "the database is not available: 192.0.2.1:5432: Connection refused");
        let Text { ja, .. } = what(&Setup::Login("password authentication failed".into()).into());
        assert_eq!(ja, "データベースにログインできません(password authentication failed)。");
    }

    #[test]
    fn no_sentence_of_ours_stays_english_in_japanese() {
        let errors = [
            StoreError::Url("x".into()),
            StoreError::SchemaOlder { found: 1, wanted: 2 },
            StoreError::SchemaNewer { found: 3, wanted: 2 },
            StoreError::Damaged("page 7".into()),
            StoreError::Row { id: 7, what: say!(ja: "cohorts 列", en: "column cohorts") },
            StoreError::RosterChanged { looked_at: 3, held: 4 },
            StoreError::ChangedMeanwhile,
            StoreError::DecidedMeanwhile,
            StoreError::Purged,
            StoreError::OtherTextWaits { waiting: 5 },
            StoreError::NoticeState,
            StoreError::Refused(refused()),
        ];
        for error in errors {
            let Text { ja, en } = what(&error);
            assert_eq!(en, error.to_string());
            assert!(ja.ends_with("。") && !ja.contains(&en), "{ja}");
        }
    }
}
