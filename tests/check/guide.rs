//! `docs/dkim.md` does what it says: a private Postfix and a private OpenDKIM with the very files of the guide.

use super::set_relay;
use crate::support::dns::{Dns, Says};
use crate::support::opendkim::OpenDkim;
use crate::support::postfix::{Options, Postfix};
use crate::support::site::Site;
use serde_json::Value;

const GUIDE: &str = include_str!("../../docs/dkim.md");
const GUIDE_JA: &str = include_str!("../../docs/dkim.ja.md");
const FILES: [&str; 4] =
    ["/etc/opendkim.conf", "/etc/opendkim/KeyTable", "/etc/opendkim/SigningTable", "/etc/opendkim/TrustedHosts"];
const SELECTOR: &str = "mail2026";
const KEY: &str = "mail2026._domainkey.example.jp";

/// The code block that begins with `# name`.
fn block<'a>(guide: &'a str, name: &str) -> &'a str {
    let mut blocks = guide.split("```").skip(1).step_by(2).map(|block| block.split_once('\n').unwrap().1);
    blocks.find(|block| block.lines().next() == Some(&format!("# {name}"))).unwrap_or_else(|| panic!("no block {name}"))
}

/// A TXT record of the guide's zone.
fn record(guide: &str, name: &str) -> String {
    let zone = block(guide, "zone of example.jp");
    let line = zone.lines().find(|line| line.split_whitespace().next() == Some(&format!("{name}."))).unwrap();
    line.split('"').nth(1).unwrap().to_owned()
}

struct World {
    site: Site,
    dns: Dns,
    opendkim: OpenDkim,
    postfix: Postfix,
}

impl World {
    fn start() -> Option<Self> {
        let files = FILES.map(|name| (name, block(GUIDE, name)));
        let opendkim = OpenDkim::start(&files, "example.jp", SELECTOR)?;
        let more = block(GUIDE, "/etc/postfix/main.cf").replace("8891", &opendkim.port().to_string());
        let postfix = Postfix::start(&Options { more, ..Options::default() })?;
        let site = Site::new();
        set_relay(&site, &format!("host: 127.0.0.1, port: {}, tls: none", postfix.port()));
        let text = site.read("owabi.yaml");
        site.write("owabi.yaml", &format!("{text}receipts: {{ maildir: {} }}\n", postfix.mailbox().display()));
        let dns = Dns::start();
        dns.set("example.jp", "MX", Says::Mx(vec!["mx.example.jp."]));
        dns.txt("example.jp", &record(GUIDE, "example.jp"));
        dns.txt("_dmarc.example.jp", &record(GUIDE, "_dmarc.example.jp"));
        dns.txt(KEY, opendkim.record());
        Some(Self { site, dns, opendkim, postfix })
    }

    fn check(&self, code: i32) -> Value {
        let resolver = self.dns.resolver();
        let all = ["--json", "check", "--connect", "--resolver", &resolver, "--test-mail", "--wait", "30s"];
        let more = ["--dkim-selector", SELECTOR, "--sending-ip", "192.0.2.25"];
        self.site.run(&[all.as_slice(), &more].concat()).exits(code).json()
    }
}

#[track_caller]
fn verdict(said: &Value) -> &str {
    let signature = &said["test_mails"][0]["signatures"][0];
    assert_eq!((signature["d"].as_str(), signature["s"].as_str()), (Some("example.jp"), Some(SELECTOR)), "{said:#}");
    signature["verdict"].as_str().unwrap()
}

#[test]
fn a_postfix_with_opendkim_as_the_guide_says_signs_so_that_the_signature_is_valid_and_aligned() {
    let Some(world) = World::start() else { return };
    let said = world.check(0);
    assert_eq!(verdict(&said), "valid", "{said:#}");
    assert_eq!(said["test_mails"][0]["signatures"][0]["aligned"], true, "{said:#}");
    let wrong: Vec<&Value> = said["problems"].as_array().unwrap().iter().filter(|one| one["area"] != "users").collect();
    assert!(wrong.iter().all(|one| one["area"] == "receipts" || one["area"] == "database"), "{wrong:#?} {}", world.postfix.log());
    world.site.run(&["track", "maildir", world.postfix.mailbox().to_str().unwrap()]).exits(0);
    assert_eq!(world.site.json(&["track", "review"])["total"], 0, "nobody has to look at it");
}

#[test]
fn a_key_that_is_another_missing_or_not_to_be_known_is_told() {
    let Some(world) = World::start() else { return };
    let other = "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB";
    world.dns.txt(KEY, other);
    assert_eq!(verdict(&world.check(78)), "header_broken");
    world.dns.forget(KEY);
    assert_eq!(verdict(&world.check(78)), "key_not_found");
    world.dns.set(KEY, "TXT", Says::ServFail);
    assert_eq!(verdict(&world.check(69)), "no_answer");
    world.dns.txt(KEY, world.opendkim.record());
    assert_eq!(verdict(&world.check(0)), "valid");
    // The bounce domain stays; the notice says another From, for which OpenDKIM has no key.
    for name in ["metaps-2022", "generic-breach", "generic-breach-ja"] {
        let file = format!("notices/{name}.yaml");
        if world.site.path(&file).exists() {
            world.site.edit(&file, "<notice@example.jp>", "<notice@news.example.org>");
        }
    }
    world.dns.txt("_dmarc.news.example.org", "v=DMARC1; p=none");
    world.dns.set("news.example.org", "MX", Says::Mx(vec!["mx.example.jp."]));
    world.dns.set("mail2026._domainkey.news.example.org", "TXT", Says::Txt(vec![world.opendkim.record().to_owned()]));
    let said = world.check(0);
    assert!(said["test_mails"][0]["steps"].to_string().contains("not signed with DKIM"), "{said:#}");
}

#[test]
fn the_guide_says_the_same_in_both_languages() {
    for name in FILES.iter().chain(&["/etc/postfix/main.cf", "zone of example.jp"]) {
        assert_eq!(block(GUIDE, name), block(GUIDE_JA, name), "{name}");
    }
    let commands = |guide: &'static str| {
        let blocks = guide.split("```").skip(1).step_by(2);
        blocks.filter_map(|block| block.strip_prefix("sh\n")).collect::<Vec<_>>().concat()
    };
    assert_eq!(commands(GUIDE), commands(GUIDE_JA));
}
