//! Certificates that are not accepted, each for its own reason, and such that will not be accepted for long.

use super::{checked, relayed};
use crate::support::site::Site;
use owabi_smtp::capture::{CaptureOptions, CaptureRelay, server_config_from_pem};
use rcgen::{BasicConstraints, Certificate, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use std::time::Duration;

/// An authority: its certificate, and what it signs with.
struct Authority {
    certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

fn parameters(name: &str) -> CertificateParams {
    let mut made = CertificateParams::new(Vec::new()).unwrap();
    made.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    made.distinguished_name.push(DnType::CommonName, name);
    made
}

fn root(name: &str) -> Authority {
    let (made, key) = (parameters(name), KeyPair::generate().unwrap());
    Authority { certificate: made.self_signed(&key).unwrap(), issuer: Issuer::new(made, key) }
}

fn below(authority: &Authority, name: &str) -> Authority {
    let (made, key) = (parameters(name), KeyPair::generate().unwrap());
    Authority { certificate: made.signed_by(&key, &authority.issuer).unwrap(), issuer: Issuer::new(made, key) }
}

/// A server's certificate and its key, good for `days` and a half from now on.
fn leaf(by: &Authority, name: &str, days: i64) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut made = CertificateParams::new(vec![name.to_owned()]).unwrap();
    made.distinguished_name.push(DnType::CommonName, name);
    let (epoch, now, day) = (date_time_ymd(1970, 1, 1), owabi::clock::now_ms() / 1_000, 86_400);
    let at = |seconds: i64| epoch + Duration::from_secs(seconds.unsigned_abs());
    (made.not_before, made.not_after) = (at(now - 10 * day), at(now + days * day + day / 2));
    (made.signed_by(&key, &by.issuer).unwrap().pem(), key.serialize_pem())
}

/// A certificate for localhost whose subject would clear a terminal.
fn hostile(by: &Authority) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut made = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    made.distinguished_name.push(DnType::CommonName, "mx\u{1b}[2J\u{1b}]0;all is well\u{7}");
    (made.signed_by(&key, &by.issuer).unwrap().pem(), key.serialize_pem())
}

async fn serving(chain: &str, key: &str, more: &str) -> (CaptureRelay, Site) {
    let starttls = Some(server_config_from_pem(chain.as_bytes(), key.as_bytes()).unwrap());
    let options = CaptureOptions { starttls, ..CaptureOptions::default() };
    relayed(options, &format!("host: localhost, port: PORT, tls: starttls{more}")).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_is_trusted_is_shown_with_its_days_and_warned_of_in_its_last_month() {
    let authority = root("Test Root");
    for (days, code, state) in [(90, 0, "ok"), (12, 0, "warning")] {
        let (chain, key) = leaf(&authority, "localhost", days);
        let (_relay, site) = serving(&chain, &key, ", ca_file: ca.pem").await;
        site.write("ca.pem", &authority.certificate.pem());
        let said = checked(&site, code);
        let shown = said.steps("certificate");
        assert_eq!(shown[0]["state"], state, "{shown:?}");
        assert_eq!(said.0["relays"][0]["certificates"][0]["days_left"], days, "{}", said.0);
        assert_eq!(said.0["relays"][0]["certificates"][0]["issuer"], "CN=Test Root");
        assert!(said.0["relays"][0]["tls"].as_str().unwrap().starts_with("TLSv1.3 TLS_"), "{}", said.0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_has_expired_is_told_from_one_of_another_name() {
    let authority = root("Test Root");
    let (chain, key) = leaf(&authority, "localhost", -2);
    let (_relay, site) = serving(&chain, &key, ", ca_file: ca.pem").await;
    site.write("ca.pem", &authority.certificate.pem());
    let said = checked(&site, 69);
    let tls = said.steps("tls")[0];
    assert!(tls["message"].as_str().unwrap().contains("has expired"), "{tls}");
    assert!(tls["next"].as_str().unwrap().contains("renew"), "{tls}");
    assert_eq!(said.steps("certificate").len(), 1, "shown although it was not accepted: {}", said.0);
    let (chain, key) = leaf(&authority, "smtp.example.jp", 90);
    let (_relay, site) = serving(&chain, &key, ", ca_file: ca.pem").await;
    site.write("ca.pem", &authority.certificate.pem());
    checked(&site, 69).only("failed", "tls", &["another name", "wanted localhost", "smtp.example.jp", "server_name"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_authority_is_told_with_the_way_to_be_unknown_that_it_is() {
    let authority = root("Test Root");
    let between = below(&authority, "Test Intermediate");
    let (own, key) = leaf(&between, "localhost", 90);
    let whole = format!("{own}{}", between.certificate.pem());
    let (_relay, site) = serving(&whole, &key, "").await;
    checked(&site, 69).only("failed", "tls", &["ends at CN=Test Root", "ca_file"]);
    let (_relay, site) = serving(&own, &key, "").await;
    checked(&site, 69).only(
        "failed",
        "tls",
        &["its own certificate alone, issued by CN=Test Intermediate", "fullchain.pem"],
    );
    let (_relay, site) = serving(&whole, &key, ", ca_file: ca.pem").await;
    site.write("ca.pem", &root("Another Root").certificate.pem());
    checked(&site, 69).only("failed", "tls", &["not come from the authority in ca_file", "CN=Test Root"]);
    let alone = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (_relay, site) = serving(&alone.cert.pem(), &alone.signing_key.serialize_pem(), "").await;
    checked(&site, 69).only("failed", "tls", &["self-signed"]);
    site.edit("owabi.yaml", "tls: starttls", "tls: implicit");
    checked(&site, 69).only("failed", "tls", &["587 and 25 mostly want tls: starttls"]);
}

/// A certificate for localhost that nobody else signed, as `openssl req -x509` makes it, or with CA:FALSE.
fn self_signed(is_ca: IsCa) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut made = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    made.distinguished_name.push(DnType::CommonName, "localhost");
    made.is_ca = is_ca;
    (made.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_authoritys_certificate_as_a_servers_is_told_as_such_and_the_advice_is_good() {
    let (own, key) = self_signed(IsCa::Ca(BasicConstraints::Unconstrained));
    for more in ["", ", ca_file: ca.pem"] {
        let (_relay, site) = serving(&own, &key, more).await;
        site.write("ca.pem", &own);
        checked(&site, 69).only("failed", "tls", &["CA:TRUE", "self-signed", "CA:FALSE", "DNS:localhost", "ca_file"]);
    }
    let (own, key) = self_signed(IsCa::ExplicitNoCa);
    let (_relay, site) = serving(&own, &key, ", ca_file: ca.pem").await;
    site.write("ca.pem", &own);
    checked(&site, 0);
    let authority = root("Test Root");
    let key = KeyPair::generate().unwrap();
    let between = parameters("Test Intermediate").signed_by(&key, &authority.issuer).unwrap().pem();
    let (_relay, site) = serving(&between, &key.serialize_pem(), ", ca_file: ca.pem").await;
    site.write("ca.pem", &authority.certificate.pem());
    checked(&site, 69).only("failed", "tls", &["CN=Test Intermediate", "authority's (CA:TRUE)", "comes first"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn starttls_that_was_stripped_is_told_and_nothing_goes_on_in_the_clear() {
    let options = CaptureOptions { keep_commands: 100, ..CaptureOptions::default() };
    let (relay, site) = relayed(options, "host: localhost, port: PORT, tls: starttls").await;
    checked(&site, 69).only("failed", "tls", &["STARTTLS is not offered", "strip"]);
    assert!(relay.commands().iter().all(|command| !command.line.starts_with("MAIL")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_certificate_says_never_reaches_the_terminal_as_a_command() {
    let authority = root("Test\u{1b}[31m Root");
    let (chain, key) = hostile(&authority);
    let (_relay, site) = serving(&chain, &key, ", ca_file: ca.pem").await;
    site.write("ca.pem", &authority.certificate.pem());
    let said = site.run(&["check", "--connect"]).exits(0);
    assert!(said.stdout.contains("mx\u{fffd}[2J\u{fffd}]0;all is well"), "{:?}", said.stdout);
    assert!(!said.stdout.contains(['\u{1b}', '\u{7}']) && !said.stderr.contains('\u{1b}'), "{:?}", said.stdout);
}
