//! `check --connect` against a real Postfix.

use super::{checked, reads_from, set_relay};
use crate::support::dovecot::Dovecot;
use crate::support::postfix::{Options, Postfix};
use crate::support::servers::{account, files_under, make_maildir, wait};
use crate::support::site::Site;
use crate::support::world::PATIENCE;
use std::time::Duration;

#[test]
fn a_real_postfix_is_well_and_no_mail_is_left_in_it() {
    let Some(postfix) = Postfix::start(&Options::default()) else { return };
    let site = Site::new();
    set_relay(&site, &format!("host: 127.0.0.1, port: {}, tls: none", postfix.port()));
    let said = checked(&site, 0);
    assert_eq!(said.0["relays"][0]["takes_mail"], true, "{}", said.0);
    assert!(postfix.wait_empty(PATIENCE), "{}", postfix.log());
    assert_eq!(postfix.delivered().len(), 0, "{}", postfix.log());
    site.edit("owabi.yaml", "bounces@example.jp", "unknown@example.jp");
    checked(&site, 78).only("failed", "recipient", &["550", "No such user here"]);
    site.edit("owabi.yaml", "unknown@example.jp", "greylist@example.jp");
    checked(&site, 0).only("warning", "recipient", &["450"]);
    let Some(postfix) = Postfix::start(&Options { message_size_limit: 3_000, ..Options::default() }) else { return };
    set_relay(&site, &format!("host: 127.0.0.1, port: {}, tls: none", postfix.port()));
    checked(&site, 78).only("failed", "size", &["3000 octets"]);
}

/// A Postfix whose mailbox is also that of a Dovecot, and a site that reads it by IMAP.
fn over_imap() -> Option<(Postfix, Dovecot, Site)> {
    let postfix = Postfix::start(&Options::default())?;
    make_maildir(&postfix.mailbox(), account("nobody"));
    let dovecot = Dovecot::start_over(&postfix.mailbox())?;
    let site = Site::new();
    set_relay(&site, &format!("host: 127.0.0.1, port: {}, tls: none", postfix.port()));
    reads_from(&site, &dovecot);
    Some((postfix, dovecot, site))
}

#[test]
fn over_imap_the_test_mail_is_found_where_it_lies_and_also_while_a_daemon_puts_it_away() {
    let Some((_postfix, dovecot, site)) = over_imap() else { return };
    let look = ["--json", "check", "--connect", "--test-mail", "--wait", "30s"];
    let said = site.run(&look).exits(0).json();
    assert_eq!(said["test_mails"][0]["arrived"], true, "{said:#}");
    assert_eq!(
        files_under(&dovecot.maildir().join("new")).len() + files_under(&dovecot.maildir().join("cur")).len(),
        1,
        "left as it was"
    );
    let mut daemon = site.command(&["run"]).spawn().unwrap();
    let put_away = || {
        files_under(&dovecot.maildir().join(".owabi.processed"))
            .iter()
            .any(|file| file.parent().is_some_and(|of| of.ends_with("cur") || of.ends_with("new")))
    };
    assert!(wait(Duration::from_secs(30), put_away), "{}", dovecot.log());
    let said = site.run(&look);
    let _ = daemon.kill();
    let _ = daemon.wait();
    assert_eq!(said.exits(0).json()["test_mails"][0]["arrived"], true);
    assert_eq!(site.json(&["track", "review"])["total"], 0);
}
