//! A private Postfix as [`super::relay`] says: a relay that returns mail.

use super::postfix::{Instance, MASTER_CF};
use super::relay::{BOUNCES, MEMBERS, Relay};
use super::servers::{account, make_maildir};

/// Starts one; `mx` is the port of the exchanger of `mx.test`. `None` when Postfix cannot run here; then
/// `OWABI_REQUIRE=postfix` makes it a failure instead.
pub(crate) fn start(mx: u16) -> Option<Relay> {
    // The queue manager looks into the deferred queue as often as main.cf says, if it is woken that often.
    let master_cf = MASTER_CF.replace("qmgr unix n - n 300", "qmgr unix n - n 1");
    let main_cf = MAIN_CF.replace("MX_PORT", &mx.to_string());
    let postfix = Instance::start(&main_cf, &format!("{master_cf}{SMTP}"), &[("mailboxes", MAILBOXES)])?;
    for maildir in [BOUNCES, MEMBERS] {
        make_maildir(&postfix.folder().join(maildir), account("nobody"));
    }
    Some(Relay { keeper: postfix.keeper, port: postfix.port, maillog: "maillog" })
}

const MAILBOXES: &str = r#"/@sender\.test$/ bounces/
/^"?ok.*@member\.test$/ members/
"#;

const MAIN_CF: &str = "smtpd_recipient_restrictions = permit_mynetworks, reject
smtp_host_lookup = native
virtual_mailbox_domains = sender.test, member.test
virtual_mailbox_maps = regexp:FOLDER/etc/mailboxes
transport_maps = inline:{ {full.test=error:5.2.2 mailbox full} {later.test=retry:4.2.2 mailbox busy} {mx.test=smtp:[127.0.0.1]:MX_PORT} }
delay_warning_time = 5s
maximal_queue_lifetime = 20s
bounce_queue_lifetime = 20s
queue_run_delay = 1s
minimal_backoff_time = 1s
maximal_backoff_time = 2s
";

const SMTP: &str = "smtp unix - - n - - smtp
relay unix - - n - - smtp
";
