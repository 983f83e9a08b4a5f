//! The sender's records in the DNS: there, missing, wrong, or not to be known.

use super::{Checked, relayed};
use crate::support::dns::{Dns, Says};
use crate::support::site::Site;
use owabi_smtp::capture::{CaptureOptions, CaptureRelay};
use serde_json::Value;

const PLAIN: &str = "host: 127.0.0.1, port: PORT, tls: none";

/// A sender whose records are all as they should be.
fn well() -> Dns {
    let dns = Dns::start();
    dns.set("example.jp", "MX", Says::Mx(vec!["mx.example.jp."]));
    dns.set("mx.example.jp", "A", Says::Addresses(vec![[192, 0, 2, 25]]));
    dns.txt("example.jp", "v=spf1 mx include:_spf.relay.test -all");
    dns.txt("_spf.relay.test", "v=spf1 ip4:198.51.100.0/24 ?all");
    dns.txt("_dmarc.example.jp", "v=DMARC1; p=none; rua=mailto:dmarc@example.jp");
    dns
}

async fn site() -> (CaptureRelay, Site) {
    relayed(CaptureOptions::default(), PLAIN).await
}

fn checked(site: &Site, dns: &Dns, more: &[&str], code: i32) -> Checked {
    let resolver = dns.resolver();
    let all = [&["--json", "check", "--connect", "--resolver", &resolver], more].concat();
    let said = site.run(&all).exits(code);
    Checked(said.json(), said)
}

/// The steps of this name of the one domain.
fn steps<'a>(said: &'a Checked, name: &str) -> Vec<&'a Value> {
    let steps = said.0["dns"][0]["steps"].as_array().unwrap();
    steps.iter().filter(|step| step["step"] == name).collect()
}

#[track_caller]
fn has(said: &Checked, name: &str, state: &str, words: &str) {
    let found = steps(said, name);
    let fits =
        |step: &&Value| step["state"] == state && format!("{} {}", step["message"], step["next"]).contains(words);
    assert!(found.iter().any(fits), "{name} {state} {words:?}: {found:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_that_are_as_they_should_be_are_shown_and_nothing_is_asked_without_a_resolver() {
    let ((_relay, site), dns) = (site().await, well());
    let said = checked(&site, &dns, &["--sending-ip", "192.0.2.25", "--sending-ip", "198.51.100.7"], 0);
    assert_eq!(said.0["dns"].as_array().unwrap().len(), 1, "{}", said.0);
    has(&said, "mx", "ok", "mx.example.jp");
    has(&said, "spf", "ok", "(2 DNS lookups)");
    has(&said, "spf", "ok", "covers 192.0.2.25 (mx)");
    has(&said, "spf", "ok", "covers 198.51.100.7 (include:_spf.relay.test)");
    has(&said, "dmarc", "ok", "p=none");
    has(&said, "dmarc", "ok", "aligned");
    assert_eq!(super::checked(&site, 0).0["dns"], serde_json::json!([]));
    assert_eq!(site.run(&["check", "--resolver", "system"]).code, 2, "only with --connect");
    assert_eq!(site.run(&["check", "--connect", "--resolver", "dns.example.jp"]).code, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_spf_is_told_apart() {
    let ((_relay, site), dns) = (site().await, well());
    has(&checked(&site, &dns, &["--sending-ip", "203.0.113.9"], 78), "spf", "failed", "forbids 203.0.113.9");
    dns.txt("example.jp", "v=spf1 mx ~all");
    has(
        &checked(&site, &dns, &["--sending-ip", "203.0.113.9"], 0),
        "spf",
        "warning",
        "does not cover 203.0.113.9 (~all)",
    );
    let two = vec!["v=spf1 -all".to_owned(), "v=spf1 mx -all".to_owned(), "unrelated".to_owned()];
    dns.set("example.jp", "TXT", Says::Txt(two));
    has(&checked(&site, &dns, &[], 78), "spf", "failed", "2 SPF records");
    dns.txt("example.jp", "v=spf1 include:gone.test -all");
    has(&checked(&site, &dns, &[], 78), "spf", "failed", "gone.test has no SPF record");
    dns.txt("example.jp", "v=spf1 include:example.jp -all");
    has(&checked(&site, &dns, &[], 78), "spf", "failed", "more than 10 DNS lookups");
    dns.txt("example.jp", "v=spf1 exists:%{i}.relay.test -all");
    has(&checked(&site, &dns, &[], 0), "spf", "info", "not followed here");
    dns.txt("example.jp", "v=spf1 +all");
    has(&checked(&site, &dns, &[], 0), "spf", "warning", "lets anybody send");
    dns.txt("example.jp", "google-site-verification=x");
    has(&checked(&site, &dns, &[], 0), "spf", "warning", "has no SPF record");
    let long = format!("v=spf1 {} -all", "ip4:192.0.2.1 ".repeat(60));
    dns.set("example.jp", "TXT", Says::TooLong(vec![long]));
    has(&checked(&site, &dns, &["--sending-ip", "192.0.2.1"], 0), "spf", "ok", "covers 192.0.2.1 (ip4:192.0.2.1)");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_that_receivers_refuse_never_cover_an_address() {
    let ((_relay, site), dns) = (site().await, well());
    let look = |record: &str, words: &str| {
        dns.txt("example.jp", record);
        let said = checked(&site, &dns, &["--sending-ip", "192.0.2.1"], 78);
        has(&said, "spf", "failed", words);
        assert!(!said.0.to_string().contains("covers 192.0.2.1"), "{}", said.0);
    };
    look("v=spf1 ip4:192.0.2.1 ipv4:192.0.2.2 -all", "ipv4:192.0.2.2");
    look("v=spf1 ip4:192.0.2.1 ip4:2001:db8::1 -all", "is no SPF term");
    look("v=spf1 ip4:192.0.2.1 redirect=_spf.relay.test redirect=_spf.relay.test", "redirect= stands there twice");
    look("v=spf1 a:one.test a:two.test a:three.test ip4:192.0.2.1 -all", "more than 2 DNS lookups without an answer");
    dns.set("many.test", "MX", Says::Mx(vec!["mx.example.jp."; 11]));
    look("v=spf1 mx:many.test ip4:192.0.2.1 -all", "many.test has more than 10 MX records");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_is_not_there_a_resolver_that_fails_and_one_that_is_silent_are_told_apart() {
    let ((_relay, site), dns) = (site().await, well());
    dns.forget("_dmarc.example.jp");
    has(&checked(&site, &dns, &[], 0), "dmarc", "warning", "has no DMARC record");
    dns.set("_dmarc.example.jp", "TXT", Says::ServFail);
    has(&checked(&site, &dns, &[], 69), "dmarc", "failed", "the resolver failed (SERVFAIL)");
    dns.set("_dmarc.example.jp", "TXT", Says::Silence);
    has(&checked(&site, &dns, &[], 69), "dmarc", "failed", "does not answer (timeout)");
    dns.txt("_dmarc.example.jp", "v=DMARC1; rua=mailto:x@example.jp");
    has(&checked(&site, &dns, &[], 78), "dmarc", "failed", "has no policy");
    dns.forget("example.jp");
    has(&checked(&site, &dns, &[], 78), "mx", "failed", "NXDOMAIN");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bounces_that_have_nowhere_to_go_and_a_bounce_domain_of_another_house_are_told() {
    let ((_relay, site), dns) = (site().await, well());
    dns.set("example.jp", "MX", Says::Mx(vec!["."]));
    has(&checked(&site, &dns, &[], 78), "mx", "failed", "null MX");
    dns.set("example.jp", "MX", Says::Mx(vec!["mx.example.jp."]));
    site.edit("owabi.yaml", "bounces@example.jp", "bounces@bounce.relay.test");
    dns.set("bounce.relay.test", "MX", Says::Mx(vec!["mx.example.jp."]));
    dns.txt("bounce.relay.test", "v=spf1 mx -all");
    let said = checked(&site, &dns, &[], 0);
    let of_from = said.0["dns"].as_array().unwrap().iter().find(|one| one["domain"] == "example.jp").unwrap();
    assert!(of_from.to_string().contains("bounce.relay.test is not aligned with example.jp"), "{of_from}");
    assert!(of_from.to_string().contains("(about: the organisation's domain is guessed"), "{of_from}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_key_of_a_selector_is_there_or_it_is_said_why_not() {
    let ((_relay, site), dns) = (site().await, well());
    let name = "mail._domainkey.example.jp";
    let look = |code| checked(&site, &dns, &["--dkim-selector", "mail"], code);
    has(&look(78), "dkim_key", "failed", "NXDOMAIN");
    dns.txt(name, "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=");
    has(&look(0), "dkim_key", "ok", "ed25519");
    dns.txt(name, "v=DKIM1; p=MIGJAoGBALVI635dLK4cJJAH3Lx6upo3X/Lm1tQz3mezcWTA3BUBnyIsdnRf57aD5BtNmhPrYYDlWlzw3UgnKisIxktkk5+iMQMlFtAS10JB8L3YadXNJY+JBcbeSi5TgJe4WFzNgW95FWDAuSTRXSWZfA/8xjflbTLDx0euFZOM7C4T0GwLAgMBAAE=");
    has(&look(0), "dkim_key", "warning", "2048 bits");
    dns.txt(name, "v=DKIM1; p=");
    has(&look(78), "dkim_key", "failed", "revoked");
    dns.set(name, "TXT", Says::ServFail);
    has(&look(69), "dkim_key", "failed", "SERVFAIL");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stands_in_the_dns_never_reaches_the_terminal_as_a_command() {
    let ((_relay, site), dns) = (site().await, well());
    dns.txt("_dmarc.example.jp", "v=DMARC1; p=none; rua=mailto:\u{1b}]0,all is well\u{7}\u{1b}[2J\rok");
    dns.txt("example.jp", "v=spf1 mx \u{1b}[2J -all");
    let said = site.run(&["check", "--connect", "--resolver", &dns.resolver()]);
    assert!(
        said.stdout.contains("rua=mailto:\u{fffd}]0,all is well\u{fffd}\u{fffd}[2J\u{fffd}ok"),
        "{:?}",
        said.stdout
    );
    assert!(!said.stdout.contains(['\u{1b}', '\u{7}', '\r']) && !said.stderr.contains('\u{1b}'), "{:?}", said.stdout);
}
