//! `check --connect` against a real Postfix.

use super::{checked, set_relay};
use crate::support::postfix::{Options, Postfix};
use crate::support::site::Site;

#[test]
fn a_real_postfix_is_well_and_no_mail_is_left_in_it() {
    let Some(postfix) = Postfix::start(&Options::default()) else { return };
    let site = Site::new();
    set_relay(&site, &format!("host: 127.0.0.1, port: {}, tls: none", postfix.port()));
    let said = checked(&site, 0);
    assert_eq!(said.0["relays"][0]["takes_mail"], true, "{}", said.0);
    assert_eq!((postfix.delivered().len(), postfix.queue_len()), (0, 0));
    site.edit("owabi.yaml", "bounces@example.jp", "unknown@example.jp");
    checked(&site, 78).only("failed", "recipient", &["550", "No such user here"]);
    site.edit("owabi.yaml", "unknown@example.jp", "greylist@example.jp");
    checked(&site, 0).only("warning", "recipient", &["450"]);
    let Some(postfix) = Postfix::start(&Options { message_size_limit: 3_000, ..Options::default() }) else { return };
    set_relay(&site, &format!("host: 127.0.0.1, port: {}, tls: none", postfix.port()));
    checked(&site, 78).only("failed", "size", &["3000 octets"]);
}
