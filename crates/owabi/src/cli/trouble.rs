//! What a database's trouble means for the operator, and what to do about it.

use super::exit::{Exit, Failure};
use super::say::{Text, say};
use owabi_store::{Durability, Setup, Trouble};

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
            ja: "読み取り専用です。database.url が書き込めるサーバー(スタンバイでないもの)やファイルを指しているか確かめてください。",
            en: "it is read-only: does database.url lead to the server that takes writes (no standby), or to a file that you may write?"
        ),
        Some(Trouble::DiskFull) => say!(
            ja: "データベースのディスクがいっぱいです。空きを作ると、そのまま続けられます。",
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
            ja: "接続の空きがありません。サーバーに届くか、サーバーの max_connections と database.pool を確かめてください。",
            en: "no connection: can the server be reached, and is there room in its max_connections and in database.pool?"
        ),
        Some(Trouble::Slow) => say!(
            ja: "database.statement_timeout を超えました。サーバーの負荷を確かめてください。",
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
            say!(ja: "データベースの URL を使えません: {why}", en: "{setup}"),
            say!(ja: "postgres://ユーザー@ホスト/データベース の形で書いてください。", en: "write postgres://user@host/database"),
        ),
        Setup::File { .. } => (
            Text::same(setup.to_string()),
            say!(ja: "PEM 形式のファイルを、owabi を動かすアカウントが読めるところに置いてください。", en: "it must be a PEM file that the account that runs owabi can read"),
        ),
        Setup::Login(said) => (
            say!(ja: "データベースにログインできません: {said}", en: "{setup}"),
            say!(
                ja: "database.url のユーザー名と database.password_file(または password_credential)、サーバーの pg_hba.conf を確かめてください。",
                en: "check the user in database.url, database.password_file (or password_credential), and the server's pg_hba.conf"
            ),
        ),
        Setup::NoDatabase(said) => (
            say!(ja: "データベースがありません: {said}", en: "there is no such database: {said}"),
            say!(
                ja: "サーバーで `createdb --owner=ロール名 --encoding=UTF8 --template=template0 データベース名` を実行してください。",
                en: "on the server run `createdb --owner=ROLE --encoding=UTF8 --template=template0 DATABASE`"
            ),
        ),
        Setup::Denied(said) => (
            say!(ja: "データベースのロールに権限がありません: {said}", en: "{setup}"),
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
