//! PostgreSQL: how a connection is made, what a server must be, and what it promises about commits.

mod schema;

use crate::error::{Setup, StoreError};
use crate::open::{OpenOptions, Pools, Store};
use crate::recording::Recording;
use schema::bring_up;
use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions, PgSslMode};
use sqlx::{ConnectOptions, Connection, Row};
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

/// A transaction that says nothing for so long is ended by the server: its daemon has been stopped or is lost.
const IDLE_IN_TRANSACTION: Duration = Duration::from_mins(1);

/// How much longer than a statement may take is waited for the answer to it; for a sign of life, only so long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// A connection of the pool is replaced after so long: it may lead to a server that only reads since a failover, or may
/// have begun when the database took no writes.
const LIFETIME: Duration = Duration::from_mins(1);

/// Every join of ours looks a few rows up by their key, and every order is an index's. A planner that thinks of other ways
/// reads the whole queue when its statistics are old or, after an import, not there yet. To compile a statement takes
/// longer than to run it.
const PLANNING: [(&str, &str); 5] = [
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("enable_material", "off"),
    ("enable_sort", "off"),
    ("jit", "off"),
];

/// How to reach a PostgreSQL server.
#[derive(Clone, Debug)]
pub struct PostgresOptions {
    /// What a connection is protected by.
    pub tls: Tls,
    /// PEM file of authorities to trust beside the system's.
    pub ca_file: Option<PathBuf>,
    /// PEM file of the certificate that we show.
    pub client_cert: Option<PathBuf>,
    /// PEM file of its key.
    pub client_key: Option<PathBuf>,
    /// The role's password; `None`: `PGPASSWORD` or the password file of `PGPASSFILE`, if there is one.
    pub password: Option<SecretString>,
    /// Connections at a time, at the most.
    pub pool: u32,
    /// After this long the server gives up a statement; those of administration have all the time they need.
    pub statement_timeout: Duration,
    /// The longest wait for a connection: to be made, or to be free.
    pub connect_timeout: Duration,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self {
            tls: Tls::Auto,
            ca_file: None,
            client_cert: None,
            client_key: None,
            password: None,
            pool: 8,
            statement_timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
        }
    }
}

/// What a connection is protected by. Nothing here falls back to less than it says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tls {
    /// The URL's `sslmode`; without one `None` for a unix socket or a loopback host, else `VerifyFull`.
    #[default]
    Auto,
    /// Nothing.
    None,
    /// Encrypted; the server may be anybody.
    Require,
    /// The server's certificate is from an authority that we trust; its name may be any.
    VerifyCa,
    /// The certificate is for the very host of the URL.
    VerifyFull,
}

/// What a server says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Such as `15.13 (Debian 15.13-0+deb12u1)`.
    pub version: String,
    /// The database's name.
    pub database: String,
    /// TLS version and cipher of this connection; `None`: in the clear.
    pub tls: Option<String>,
    /// It takes no writes: a standby, or `default_transaction_read_only` is on.
    pub read_only: bool,
    /// What makes a commit less durable than owabi counts on.
    pub durability: Vec<Durability>,
}

/// A setting with which a commit that was answered can be lost: then a mail may be sent twice without a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// `fsync = off`: a power cut loses commits, or the whole database.
    FsyncOff,
    /// `full_page_writes = off`: a power cut can tear pages.
    FullPageWritesOff,
    /// So many standbys follow, and no commit waits for one: a failover loses the last commits.
    StandbysBehind(i64),
}

/// What is wrong with a `postgres://…` URL, if anything; never with what it holds.
pub fn postgres_url_problem(url: &str) -> Option<String> {
    match PgConnectOptions::from_str(url) {
        Ok(options) => {
            let mode = options.get_ssl_mode();
            let falls_back = has_ssl_mode(url) && matches!(mode, PgSslMode::Allow | PgSslMode::Prefer);
            falls_back.then(|| "sslmode allow and prefer fall back to the clear".to_owned())
        }
        Err(sqlx::Error::Configuration(error)) => Some(error.to_string()),
        Err(error) => Some(error.to_string()),
    }
}

/// Whether the URL itself says how the connection is protected.
pub(crate) fn has_ssl_mode(url: &str) -> bool {
    url.split_once('?').is_some_and(|(_, query)| {
        query.split('&').any(|pair| pair.starts_with("sslmode=") || pair.starts_with("ssl-mode="))
    })
}

/// Connects once to see what is there, brings the schema up, then hands over to a pool.
pub(crate) async fn open(options: &OpenOptions) -> Result<Pools, StoreError> {
    let connect = connect_options(options)?;
    let mut first = connect_once(&connect, options.postgres.connect_timeout).await?;
    bring_up(&mut first, options.migrate).await?;
    first.close().await?;
    let pool = PgPoolOptions::new()
        .max_connections(options.postgres.pool.max(4))
        .acquire_timeout(options.postgres.connect_timeout)
        .test_before_acquire(false)
        .max_lifetime(LIFETIME)
        .after_release(|connection, _| Box::pin(answers(connection)))
        .after_connect(|connection, _| Box::pin(begin_session(connection)))
        .connect_lazy_with(connect);
    let (to_connect, to_answer) = (options.postgres.connect_timeout, options.postgres.statement_timeout + PATIENCE);
    let recording = Recording::new(pool.clone(), to_connect, to_answer);
    Ok(Pools::Postgres { writer: pool.clone(), reader: pool, recording })
}

/// Creates the schema or brings it up to date; gives its version before and after.
pub(crate) async fn migrate(options: &OpenOptions) -> Result<(i64, i64), StoreError> {
    let connect = connect_options(options)?;
    let mut first = connect_once(&connect, options.postgres.connect_timeout).await?;
    let found = bring_up(&mut first, true).await?;
    first.close().await?;
    Ok((found, Store::newest_schema()))
}

fn connect_options(options: &OpenOptions) -> Result<PgConnectOptions, StoreError> {
    let postgres = &options.postgres;
    if let Some(problem) = postgres_url_problem(&options.url) {
        return Err(Setup::Url(problem).into());
    }
    let mut connect = PgConnectOptions::from_str(&options.url)?;
    if let Some(bare) = connect.get_host().strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        let bare = bare.to_owned();
        connect = connect.host(&bare);
    }
    let mode = ssl_mode(postgres.tls, &options.url, &connect);
    connect = connect.ssl_mode(mode).application_name("owabi").disable_statement_logging();
    if let Some(password) = &postgres.password {
        connect = connect.password(password.expose_secret());
    }
    if let Some(file) = readable("database.ca_file", postgres.ca_file.as_deref())? {
        connect = connect.ssl_root_cert(file);
    }
    if let Some(file) = readable("database.client_cert", postgres.client_cert.as_deref())? {
        connect = connect.ssl_client_cert(file);
    }
    if let Some(file) = readable("database.client_key", postgres.client_key.as_deref())? {
        connect = connect.ssl_client_key(file);
    }
    let ms = |span: Duration| span.as_millis().max(1).to_string();
    Ok(connect.options(PLANNING).options([
        ("statement_timeout", ms(postgres.statement_timeout)),
        ("lock_timeout", ms(options.busy_timeout)),
        ("idle_in_transaction_session_timeout", ms(IDLE_IN_TRANSACTION)),
        ("default_transaction_isolation", "read committed".to_owned()),
    ]))
}

fn ssl_mode(tls: Tls, url: &str, connect: &PgConnectOptions) -> PgSslMode {
    match tls {
        Tls::Auto if has_ssl_mode(url) => connect.get_ssl_mode(),
        Tls::Auto if is_local(connect) => PgSslMode::Disable,
        Tls::None => PgSslMode::Disable,
        Tls::Require => PgSslMode::Require,
        Tls::VerifyCa => PgSslMode::VerifyCa,
        Tls::Auto | Tls::VerifyFull => PgSslMode::VerifyFull,
    }
}

/// Nobody outside this machine can listen in.
fn is_local(connect: &PgConnectOptions) -> bool {
    let host = connect.get_host();
    connect.get_socket().is_some()
        || host.starts_with('/')
        || host == "localhost"
        || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

/// A PEM file that is there: the driver reads it anew for each connection, so that it can be renewed.
fn readable<'a>(key: &'static str, file: Option<&'a Path>) -> Result<Option<&'a Path>, StoreError> {
    let Some(path) = file else { return Ok(None) };
    let problem = match std::fs::read_to_string(path) {
        Ok(text) if text.contains("-----BEGIN ") => return Ok(file),
        Ok(_) => "holds no PEM text".to_owned(),
        Err(error) => error.to_string(),
    };
    Err(Setup::File { key, path: path.to_owned(), problem }.into())
}

pub(crate) async fn connect_once(connect: &PgConnectOptions, patience: Duration) -> Result<PgConnection, StoreError> {
    let place = place(connect);
    let mut connection = match tokio::time::timeout(patience, connect.connect()).await {
        Ok(Ok(connection)) => connection,
        Ok(Err(error)) => return Err(not_connected(&place, error)),
        Err(_) => {
            let text = format!("{place}: no answer within {} s", patience.as_secs_f64());
            return Err(sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, text)).into());
        }
    };
    begin_session(&mut connection).await?;
    Ok(connection)
}

/// Host and port, or the socket's folder.
fn place(connect: &PgConnectOptions) -> String {
    let socket = connect.get_socket().map(|folder| folder.display().to_string());
    format!("{}:{}", socket.as_deref().unwrap_or(connect.get_host()), connect.get_port())
}

/// The driver's error with the place that it is about.
fn not_connected(place: &str, error: sqlx::Error) -> StoreError {
    match error {
        // The TLS library's own errors come as invalid data.
        sqlx::Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => {
            sqlx::Error::Tls(format!("{place}: {error}").into()).into()
        }
        sqlx::Error::Io(error) => sqlx::Error::Io(io::Error::new(error.kind(), format!("{place}: {error}"))).into(),
        sqlx::Error::Tls(error) => sqlx::Error::Tls(format!("{place}: {error}").into()).into(),
        sqlx::Error::Configuration(error) => Setup::Url(error.to_string()).into(),
        other => other.into(),
    }
}

/// What every connection begins with: commits wait for the disk, whatever server and role say.
async fn begin_session(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let text = "SELECT set_config('synchronous_commit', 'on', false)
        WHERE current_setting('synchronous_commit') IN ('off', 'local')";
    sqlx::query(text).execute(connection).await.map(|_| ())
}

/// Whether a connection that comes back to the pool is worth keeping. Without this, the driver would wait for ever for a
/// sign of life of one that went silent, and the pool would have a place less.
async fn answers(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    tokio::time::timeout(PATIENCE, connection.ping()).await.unwrap_or_else(|_| Err(no_answer())).map(|()| true)
}

pub(crate) fn no_answer() -> sqlx::Error {
    sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, "no answer from the database"))
}

impl Store {
    /// What the PostgreSQL server says about itself; `None` for SQLite.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn server(&self) -> Result<Option<Server>, StoreError> {
        let Pools::Postgres { reader, .. } = &self.pools else { return Ok(None) };
        let text = "SELECT current_setting('server_version'), current_database(), s.version || ' ' || s.cipher,
                current_setting('fsync') = 'off', current_setting('full_page_writes') = 'off',
                CASE WHEN current_setting('synchronous_standby_names') = '' THEN (SELECT COUNT(*) FROM pg_stat_replication) ELSE 0 END,
                current_setting('transaction_read_only') = 'on'
            FROM (SELECT 1) one LEFT JOIN pg_stat_ssl s ON s.pid = pg_backend_pid() AND s.ssl";
        let row = sqlx::query(text).fetch_one(reader).await?;
        let standbys: i64 = row.get(5);
        let facts = [
            (row.get(3), Durability::FsyncOff),
            (row.get(4), Durability::FullPageWritesOff),
            (standbys > 0, Durability::StandbysBehind(standbys)),
        ];
        let durability = facts.into_iter().filter_map(|(is, what)| is.then_some(what)).collect();
        let (version, database, tls) = (row.get(0), row.get(1), row.get(2));
        Ok(Some(Server { version, database, tls, read_only: row.get(6), durability }))
    }

    /// What makes a commit less durable than owabi counts on; nothing for SQLite, whose settings are ours.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn durability_warnings(&self) -> Result<Vec<Durability>, StoreError> {
        Ok(self.server().await?.map(|server| server.durability).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(url: &str, tls: Tls) -> PgSslMode {
        ssl_mode(tls, url, &PgConnectOptions::from_str(url).unwrap())
    }

    #[test]
    fn without_a_word_tls_is_verified_everywhere_but_on_this_machine() {
        for local in ["localhost", "127.0.0.1", "127.8.9.1", "%2Frun%2Fpostgresql"] {
            let mode = mode(&format!("postgres://u@{local}/d"), Tls::Auto);
            assert!(matches!(mode, PgSslMode::Disable), "{local}: {mode:?}");
        }
        for far in ["db.example.jp", "192.0.2.1", "localhost.example.jp"] {
            let mode = mode(&format!("postgres://u@{far}/d"), Tls::Auto);
            assert!(matches!(mode, PgSslMode::VerifyFull), "{far}: {mode:?}");
        }
        assert!(matches!(mode("postgres://u@db.example.jp/d?sslmode=disable", Tls::Auto), PgSslMode::Disable));
        assert!(matches!(mode("postgres://u@localhost/d", Tls::Require), PgSslMode::Require));
        assert!(matches!(mode("postgres://u@localhost/d", Tls::VerifyFull), PgSslMode::VerifyFull));
    }

    #[test]
    fn an_ipv6_address_is_connected_to_without_its_brackets() {
        let connect = connect_options(&OpenOptions::new("postgres://u@[::1]:5433/d")).unwrap();
        assert_eq!((connect.get_host(), place(&connect).as_str()), ("::1", "::1:5433"));
        assert!(matches!(connect.get_ssl_mode(), PgSslMode::Disable));
    }

    #[test]
    fn a_url_that_could_fall_back_to_the_clear_is_refused() {
        for url in ["postgres://u@h/d?sslmode=prefer", "postgres://u@h/d?sslmode=allow", "postgres://u@h/d?sslmode=x"] {
            assert!(postgres_url_problem(url).is_some(), "{url}");
        }
        assert_eq!(postgres_url_problem("postgres://u@h:5433/d?sslmode=require"), None);
        assert!(postgres_url_problem("postgres://u@h:port/d").is_some());
    }
}
