//! A private Postfix as [`super::relay`] says: a relay that returns mail.

use super::postfix::{Instance, MASTER_CF};
use super::relay::{BOUNCES, MEMBERS, Relay};
use super::servers::{SYSTEM_PATH, account, make_maildir};
use std::process::Command;

/// Starts one; `mx` is the port of the exchanger of `mx.test`. `None` when Postfix cannot run here; then
/// `OWABI_REQUIRE=postfix` makes it a failure instead.
pub(crate) fn start(mx: u16) -> Option<Relay> {
    start_with(mx, "", "")
}

/// The same, but what comes back is not put into the Maildir: a program gets it. `user_and_argv` is for pipe(8), which
/// asks the program again after a second when it could not take a mail.
pub(crate) fn start_piping(mx: u16, user_and_argv: &str) -> Option<Relay> {
    start_with(mx, "{sender.test=owabi:} ", &format!("owabi unix - n n - - pipe flags=q {user_and_argv}\n"))
}

/// Lets it go over to a new log file, as the machine's own does when its log was rotated.
pub(crate) fn reload(relay: &Relay) {
    let mut postfix = Command::new("/usr/sbin/postfix");
    postfix.env_clear().env("PATH", SYSTEM_PATH).arg("-c").arg(relay.keeper.folder().join("etc"));
    assert!(postfix.arg("reload").output().unwrap().status.success());
}

fn start_with(mx: u16, transport: &str, service: &str) -> Option<Relay> {
    // The queue manager looks into the deferred queue as often as main.cf says, if it is woken that often.
    let master_cf = MASTER_CF.replace("qmgr unix n - n 300", "qmgr unix n - n 1");
    let main_cf = MAIN_CF.replace("MX_PORT", &mx.to_string()).replace("BACK ", transport);
    let postfix = Instance::start(&main_cf, &format!("{master_cf}{SMTP}{service}"), &[("mailboxes", MAILBOXES)])?;
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
transport_maps = inline:{ BACK {full.test=error:5.2.2 mailbox full} {later.test=retry:4.2.2 mailbox busy} {mx.test=smtp:[127.0.0.1]:MX_PORT} }
delay_warning_time = 5s
maximal_queue_lifetime = 20s
bounce_queue_lifetime = 20s
queue_run_delay = 1s
minimal_backoff_time = 1s
maximal_backoff_time = 2s
owabi_destination_recipient_limit = 1
";

const SMTP: &str = "smtp unix - - n - - smtp
relay unix - - n - - smtp
";
