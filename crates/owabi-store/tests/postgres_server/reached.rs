//! Reaching the server: TLS, certificates, passwords, and what stands in the way.

use crate::postgres::{Database, Server, Stop};
use crate::{open, options, setup};
use owabi_store::{Durability, PostgresOptions, Setup, Store, StoreError, Tls, Trouble};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use secrecy::SecretString;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;
use tempfile::TempDir;

/// A server with the certificate of an authority of its own for `localhost`. Over TCP it wants TLS and the password
/// `opensesame` of role `guest`, or the certificate of role `clerk`; role `postgres` needs nothing.
struct Guarded {
    server: Server,
    authority: TempDir,
}

impl Guarded {
    fn shared() -> &'static Self {
        static SHARED: OnceLock<Guarded> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    fn start() -> Self {
        let (server, authority) = (Server::start_own(&[]), tempfile::tempdir().unwrap());
        let key = KeyPair::generate().unwrap();
        let mut ca = CertificateParams::new(Vec::new()).unwrap();
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca_pem = ca.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(ca, key);
        fs::write(authority.path().join("ca.pem"), &ca_pem).unwrap();
        let (certificate, key) = certificate(&issuer, "localhost");
        let (clerk, clerk_key) = certificate_of(&issuer, "clerk");
        fs::write(authority.path().join("clerk.pem"), clerk).unwrap();
        fs::write(authority.path().join("clerk.key"), clerk_key).unwrap();
        let data = server.folder().join("data");
        for (name, text) in [("ca.pem", &ca_pem), ("server.pem", &certificate), ("server.key", &key)] {
            write_as_server(&data.join(name), text);
        }
        let rules = "hostssl all guest all scram-sha-256\nhostssl all clerk all cert\nhost all postgres all trust\nlocal all all trust\n";
        fs::write(data.join("pg_hba.conf"), rules).unwrap();
        let ssl = "ssl = on\nssl_cert_file = 'server.pem'\nssl_key_file = 'server.key'\nssl_ca_file = 'ca.pem'\n";
        fs::write(data.join("postgresql.auto.conf"), ssl).unwrap();
        server.restart(Stop::Fast);
        server.database().psql("CREATE ROLE guest LOGIN PASSWORD 'opensesame'; CREATE ROLE clerk LOGIN");
        Self { server, authority }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.authority.path().join(name)
    }
}

fn certificate(issuer: &Issuer<'_, KeyPair>, name: &str) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec![name.to_owned()]).unwrap();
    (leaf.signed_by(&key, issuer).unwrap().pem(), key.serialize_pem())
}

/// A certificate that names a role.
fn certificate_of(issuer: &Issuer<'_, KeyPair>, role: &str) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut leaf = CertificateParams::new(Vec::new()).unwrap();
    leaf.distinguished_name.push(DnType::CommonName, role);
    (leaf.signed_by(&key, issuer).unwrap().pem(), key.serialize_pem())
}

/// A file that only the server's account can read, which may not be the test's.
fn write_as_server(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    let folder = fs::metadata(path.parent().unwrap()).unwrap();
    chown(path, Some(folder.uid()), Some(folder.gid())).unwrap();
}

/// The database's URL for another role, and by another name of this machine.
fn url(database: &Database, role: &str, host: &str) -> String {
    database.url().replace("postgres@127.0.0.1", &format!("{role}@{host}"))
}

fn tls(tls: Tls, ca_file: Option<PathBuf>) -> PostgresOptions {
    PostgresOptions { tls, ca_file, ..PostgresOptions::default() }
}

fn with_password(password: &str) -> PostgresOptions {
    let password = Some(SecretString::from(password));
    PostgresOptions { tls: Tls::Require, password, ..PostgresOptions::default() }
}

async fn tls_in_use(url: &str, postgres: PostgresOptions) -> Result<Option<String>, StoreError> {
    let store = Store::open(&options(url, postgres)).await?;
    let server = store.server().await?.unwrap();
    store.close().await;
    Ok(server.tls)
}

#[tokio::test]
async fn verify_full_takes_the_very_host_alone_and_verify_ca_any_of_the_authority() {
    let guarded = Guarded::shared();
    let (database, ca) = (guarded.server.database(), Some(guarded.file("ca.pem")));
    let (named, other) = (url(&database, "postgres", "localhost"), url(&database, "postgres", "127.0.0.1"));
    for (host, mode) in [(&named, Tls::VerifyFull), (&named, Tls::VerifyCa), (&other, Tls::VerifyCa)] {
        let used = tls_in_use(host, tls(mode, ca.clone())).await.unwrap();
        assert!(used.unwrap().starts_with("TLSv1.3 "), "{host} {mode:?}");
    }
    let refused = tls_in_use(&other, tls(Tls::VerifyFull, ca)).await.unwrap_err();
    assert_eq!(refused.trouble(), Some(Trouble::Tls), "{refused:?}");
    assert!(refused.to_string().contains("127.0.0.1:") && refused.to_string().contains("certificate"), "{refused}");
}

#[tokio::test]
async fn a_server_of_an_unknown_authority_is_refused_unless_any_will_do() {
    let database = Guarded::shared().server.database();
    let host = url(&database, "postgres", "localhost");
    for mode in [Tls::VerifyFull, Tls::VerifyCa] {
        let refused = tls_in_use(&host, tls(mode, None)).await.unwrap_err();
        assert_eq!(refused.trouble(), Some(Trouble::Tls), "{refused:?}");
    }
    assert!(tls_in_use(&host, tls(Tls::Require, None)).await.unwrap().is_some());
    let in_url = format!("{host}?sslmode=verify-full");
    assert!(tls_in_use(&in_url, PostgresOptions::default()).await.is_err(), "the URL's word counts with tls: auto");
    assert_eq!(tls_in_use(&host, PostgresOptions::default()).await.unwrap(), None, "auto on this same machine");
}

#[tokio::test]
async fn a_server_without_tls_is_refused_wherever_tls_was_asked_for() {
    let database = Server::shared().database();
    for mode in [Tls::Require, Tls::VerifyCa, Tls::VerifyFull] {
        let refused = tls_in_use(database.url(), tls(mode, None)).await.unwrap_err();
        assert_eq!(refused.trouble(), Some(Trouble::Tls), "{refused:?}");
        assert!(refused.to_string().contains("does not support TLS"), "{refused}");
    }
    assert_eq!(tls_in_use(database.url(), tls(Tls::None, None)).await.unwrap(), None);
    assert_eq!(tls_in_use(database.socket_url(), PostgresOptions::default()).await.unwrap(), None);
}

#[tokio::test]
async fn a_certificate_of_ours_opens_what_wants_one() {
    let guarded = Guarded::shared();
    let database = guarded.server.database();
    database.psql("GRANT CREATE ON SCHEMA public TO clerk");
    let host = url(&database, "clerk", "localhost");
    let (cert, key) = (Some(guarded.file("clerk.pem")), Some(guarded.file("clerk.key")));
    let ours =
        PostgresOptions { client_cert: cert, client_key: key, ..tls(Tls::VerifyFull, Some(guarded.file("ca.pem"))) };
    assert!(tls_in_use(&host, ours.clone()).await.unwrap().is_some());
    let without = PostgresOptions { client_cert: None, client_key: None, ..ours.clone() };
    assert!(matches!(setup(&options(&host, without)).await, Setup::Login(_)));
    let gone = PostgresOptions { client_key: Some(guarded.file("gone.key")), ..ours.clone() };
    assert!(matches!(setup(&options(&host, gone)).await, Setup::File { key: "database.client_key", .. }));
    let no_pem = guarded.file("no.pem");
    fs::write(&no_pem, "hello").unwrap();
    let no_pem = PostgresOptions { ca_file: Some(no_pem), ..ours };
    assert!(matches!(setup(&options(&host, no_pem)).await, Setup::File { key: "database.ca_file", .. }));
}

#[tokio::test]
async fn a_wrong_or_missing_password_is_a_matter_of_configuration_and_no_password_is_ever_shown() {
    let database = Guarded::shared().server.database();
    database.psql("GRANT CREATE ON SCHEMA public TO guest");
    let host = url(&database, "guest", "localhost");
    let right = options(&host, with_password("opensesame"));
    let store = Store::open(&right).await.unwrap();
    assert!(!format!("{store:?} {right:?}").contains("opensesame"));
    for wrong in [with_password("openbarley"), tls(Tls::Require, None), tls(Tls::None, None)] {
        let Setup::Login(said) = setup(&options(&host, wrong)).await else { panic!("no matter of logging in") };
        assert!(said.contains("guest") && !said.contains("openbarley"), "{said}");
    }
    let nobody = url(&database, "nobody_here", "localhost");
    assert!(matches!(setup(&options(&nobody, with_password("opensesame"))).await, Setup::Login(_)));
}

#[tokio::test]
async fn a_database_or_a_right_that_is_missing_is_a_matter_of_setting_up() {
    let guarded = Guarded::shared();
    let database = guarded.server.database();
    let gone = format!("{}_gone", database.url());
    let Setup::NoDatabase(said) = setup(&options(&gone, PostgresOptions::default())).await else { panic!("{gone}") };
    assert!(said.contains("_gone"), "{said}");
    let guest = options(&url(&database, "guest", "localhost"), with_password("opensesame"));
    let Setup::Denied(said) = setup(&guest).await else { panic!("it may create tables") };
    assert!(said.contains("schema public"), "{said}");
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_named_with_its_port() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let impatient = PostgresOptions { connect_timeout: Duration::from_millis(100), ..PostgresOptions::default() };
    let url = format!("postgres://owabi@127.0.0.1:{port}/owabi");
    let late = Store::open(&options(&url, impatient)).await.unwrap_err();
    assert!(late.to_string().contains(&format!("127.0.0.1:{port}: no answer within 0.1 s")), "{late}");
    drop(silent);
    assert_eq!(late.trouble(), Some(Trouble::Unreachable));
    let folder = tempfile::tempdir().unwrap().path().display().to_string();
    for (url, place) in [
        (url, format!("127.0.0.1:{port}: ")),
        (format!("postgres:///owabi?host={folder}&user=owabi"), format!("{folder}:5432: ")),
        ("postgres://owabi@no-such-host.invalid/owabi?sslmode=disable".into(), "no-such-host.invalid:5432: ".into()),
    ] {
        let refused = open(&url).await.unwrap_err();
        assert_eq!(refused.trouble(), Some(Trouble::Unreachable));
        assert!(refused.to_string().contains(&place), "{url}: {refused}");
    }
}

#[tokio::test]
async fn a_server_that_takes_no_writes_can_be_read_and_says_so_to_whoever_writes() {
    let database = Server::shared().database();
    open(database.url()).await.unwrap().close().await;
    let name = database.url().rsplit('/').next().unwrap();
    database.psql(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on"));
    let store = open(database.url()).await.unwrap();
    assert!(store.server().await.unwrap().unwrap().read_only && store.notices().await.unwrap().is_empty());
    let refused = store.know_notice("n1", "title", 1).await.unwrap_err();
    assert_eq!(refused.trouble(), Some(Trouble::ReadOnly), "{refused:?}");
    assert!(refused.to_string().contains("read-only"), "{refused}");
}

#[tokio::test]
async fn settings_that_lose_commits_are_told() {
    let told = |store: Store| async move { store.durability_warnings().await.unwrap() };
    let database = Server::shared().database();
    let careless = open(database.url()).await.unwrap();
    assert_eq!(told(careless).await, [Durability::FsyncOff, Durability::FullPageWritesOff]);
    let careful = Server::start_own(&[("fsync", "on"), ("full_page_writes", "on")]);
    let database = careful.database();
    assert_eq!(told(open(database.url()).await.unwrap()).await, []);
    let folder = tempfile::tempdir().unwrap();
    let file = open(&format!("sqlite:{}", folder.path().join("owabi.db").display())).await.unwrap();
    assert_eq!((file.server().await.unwrap(), told(file).await), (None, vec![]));
}
