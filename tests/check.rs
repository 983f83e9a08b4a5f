//! `check --connect`: what it says of a relay, of the sender's DNS, and of a test mail's signature.

mod by_hand;
mod dns;
mod guide;
mod japanese;
mod relay;
mod test_mail;
mod through_postfix;
mod tls;

use crate::support::dovecot::{Dovecot, PASSWORD};
use crate::support::site::{Said, Site};
use owabi_smtp::capture::{CaptureOptions, CaptureRelay};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;

/// A relay, and a site that knows it by this line of configuration (`PORT` is its port).
async fn relayed(options: CaptureOptions, line: &str) -> (CaptureRelay, Site) {
    let relay = CaptureRelay::start(options).await.unwrap();
    let site = Site::new();
    set_relay(&site, &line.replace("PORT", &relay.addr().port().to_string()));
    (relay, site)
}

/// The site reads its receipts from this mailbox, over TLS.
fn reads_from(site: &Site, dovecot: &Dovecot) {
    let (port, authority) = (dovecot.tls_port(), dovecot.authority());
    let imap = format!(
        "host: localhost, port: {port}, ca_file: \"{}\", user: somebody, password_file: pw",
        authority.display()
    );
    let text = site.read("owabi.yaml");
    site.write("owabi.yaml", &format!("{text}receipts: {{ imap: {{ {imap} }} }}\n"));
    site.write("pw", PASSWORD);
    std::fs::set_permissions(site.path("pw"), std::fs::Permissions::from_mode(0o600)).unwrap();
}

fn set_relay(site: &Site, line: &str) {
    let text = format!(
        "database: {{ url: \"sqlite:owabi.db\" }}\nsmtp:\n  relays: [{{ name: main, {line} }}]\n  \
         bounce: {{ address: bounces@example.jp }}\n  deadlines: {{ greeting: 1s, ehlo: 1s, auth: 1s }}\nlog: {{ level: error }}\n"
    );
    site.write("owabi.yaml", &text);
}

/// What `check --connect` says, with this exit code.
#[track_caller]
fn checked(site: &Site, code: i32) -> Checked {
    let said = site.run(&["--json", "check", "--connect"]).exits(code);
    Checked(said.json(), said)
}

struct Checked(Value, Said);

impl Checked {
    /// The steps of this name of the one relay.
    fn steps(&self, name: &str) -> Vec<&Value> {
        let steps = self.0["relays"][0]["steps"].as_array().unwrap();
        steps.iter().filter(|step| step["step"] == name).collect()
    }

    /// The only step that is not well, and that it says all of `words`.
    #[track_caller]
    fn only(&self, state: &str, name: &str, words: &[&str]) {
        let steps = self.0["relays"][0]["steps"].as_array().unwrap();
        let bad: Vec<&Value> =
            steps.iter().filter(|step| step["state"] == "failed" || step["state"] == "warning").collect();
        assert_eq!(bad.len(), 1, "{:#} {}", self.0, self.1.stderr);
        assert_eq!((bad[0]["step"].as_str(), bad[0]["state"].as_str()), (Some(name), Some(state)), "{}", bad[0]);
        let said = format!("{} → {}", bad[0]["message"].as_str().unwrap(), bad[0]["next"].as_str().unwrap());
        for word in words {
            assert!(said.contains(word), "{word:?} is not in {said}");
        }
    }
}
