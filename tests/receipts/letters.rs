//! Mails that come to the bounce address, as strangers write them.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

/// Delivers a mail into a Maildir, as a mail server does.
pub(crate) fn drop_into(maildir: &Path, mail: &[u8]) {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let name = format!("1.{}_{}.stranger", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    let (tmp, new) = (maildir.join("tmp").join(&name), maildir.join("new").join(&name));
    fs::write(&tmp, mail).unwrap();
    // Whoever reads the Maildir must be able to move it.
    let owner = fs::metadata(maildir.join("new")).unwrap();
    chown(&tmp, Some(owner.uid()), Some(owner.gid())).unwrap();
    fs::rename(tmp, new).unwrap();
}

/// A letter of a person.
pub(super) fn ordinary(to: &str) -> Vec<u8> {
    head(
        to,
        "Hanako <hanako@stranger.example>",
        "Re: your notice",
        "",
        "Thank you for telling me. Which card was it?\n",
    )
}

/// What a program says that answers for a person, marked as such.
pub(super) fn auto_reply(to: &str) -> Vec<u8> {
    let marks = "Auto-Submitted: auto-replied\nPrecedence: bulk\n";
    head(to, "desk@stranger.example", "We have got your mail", marks, "A person will read it on Monday.\n")
}

/// The same without any mark.
pub(super) fn vacation(to: &str) -> Vec<u8> {
    head(
        to,
        "taro@stranger.example",
        "Out of office: your notice",
        "",
        "I am on vacation until Friday, without mail.\n",
    )
}

fn head(to: &str, from: &str, subject: &str, more: &str, body: &str) -> Vec<u8> {
    let text = format!(
        "From: {from}\nTo: <{to}>\nSubject: {subject}\nDate: Sun, 22 Nov 2026 10:00:00 +0900\n\
         Message-ID: <1@stranger.example>\n{more}MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\n{body}"
    );
    text.into_bytes()
}

/// The report of a mailbox provider that somebody calls our mail spam (RFC 5965).
pub(super) fn complaint(to: &str, recipient: &str) -> Vec<u8> {
    let parts = format!(
        "Content-Type: message/feedback-report\n\nFeedback-Type: abuse\nUser-Agent: somewhere/1\nVersion: 1\n\
         Original-Rcpt-To: <{recipient}>\n"
    );
    report(to, "feedback-report", "A customer calls this spam.\n", &parts, "From: notice@example.jp\n\nwords\n")
}

/// A failure of `recipient` (RFC 3464). `fields` are further fields of the report.
pub(crate) fn failure(to: &str, recipient: &str, fields: &str, returned: &str) -> Vec<u8> {
    let parts = format!(
        "Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx.stranger.example\n{fields}\n\
         Final-Recipient: rfc822; {recipient}\nAction: failed\nStatus: 5.1.1\n\
         Diagnostic-Code: smtp; 550 5.1.1 no such mailbox\n"
    );
    report(to, "delivery-status", "Your mail could not be delivered.\n", &parts, returned)
}

fn report(to: &str, kind: &str, words: &str, part: &str, returned: &str) -> Vec<u8> {
    let text = format!(
        "From: MAILER-DAEMON@stranger.example\nTo: <{to}>\nSubject: Returned\nMIME-Version: 1.0\n\
         Content-Type: multipart/report; report-type={kind}; boundary=\"=edge\"\n\n\
         --=edge\nContent-Type: text/plain\n\n{words}\n--=edge\n{part}\n--=edge\nContent-Type: message/rfc822\n\n\
         {returned}\n--=edge--\n"
    );
    text.into_bytes()
}

/// Parts within parts, so many.
pub(super) fn nested(to: &str, depth: usize) -> Vec<u8> {
    let mut text = format!("From: x@stranger.example\nTo: <{to}>\nSubject: deep\nMIME-Version: 1.0\n");
    for n in 0..depth {
        let inner =
            if n % 2 == 0 { format!("multipart/mixed; boundary=b{n}\n\n--b{n}") } else { "message/rfc822\n".into() };
        text.extend(["Content-Type: ", &inner, "\n"]);
    }
    (text + "Content-Type: text/plain\n\nwords\n").into_bytes()
}
