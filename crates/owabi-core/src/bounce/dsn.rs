//! Delivery status notifications: the groups of fields of RFC 3464, in parts of their own or in plain text.

use super::addresses;
use super::fields::Fields;
use super::mime::{Mail, Role};
use super::prose::Prose;

/// What the fields say of the message as a whole.
#[derive(Debug, Default)]
pub(super) struct Envelope {
    /// `Original-Envelope-Id`, xtext decoded.
    pub(super) envid: Option<String>,
    /// The envelope sender, where a server adds it.
    pub(super) sender: Option<String>,
}

/// What the fields say of one recipient.
#[derive(Clone, Debug, Default)]
pub(super) struct Group {
    pub(super) address: String,
    pub(super) original: Option<String>,
    /// The first word of `Action`, in lower case.
    pub(super) action: String,
    pub(super) status: String,
    pub(super) diagnostic: String,
}

impl Group {
    /// A local name, as some servers write, becomes the address of that local part that the mail names elsewhere.
    pub(super) fn complete(&mut self, known: &[String]) {
        let is_it = |address: &&String| {
            let local = address.rsplit_once('@').map(|(local, _)| local);
            local.is_some_and(|local| local.eq_ignore_ascii_case(&self.address))
        };
        if let Some(address) = known.iter().find(is_it).filter(|_| !self.address.contains('@')) {
            self.address = address.clone();
        }
    }
}

/// The fields of all parts that have such.
pub(super) fn groups(mail: &Mail, prose: &Prose) -> (Envelope, Vec<Group>) {
    let (mut envelope, mut groups) = (Envelope::default(), Vec::new());
    let text = prose.text();
    let in_text = Some(text.as_str()).filter(|text| looks_like_fields(text));
    for part in mail.of(Role::Status) {
        read(part, &mut envelope, &mut groups);
    }
    if let Some(text) = in_text.filter(|_| groups.is_empty()) {
        read(text, &mut envelope, &mut groups);
    }
    (envelope, groups)
}

fn looks_like_fields(text: &str) -> bool {
    let has = |name: &str| {
        text.lines()
            .any(|line| line.trim_start().get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name)))
    };
    has("final-recipient:") || (has("original-recipient:") && has("action:"))
}

fn read(part: &str, envelope: &mut Envelope, groups: &mut Vec<Group>) {
    let mut open = Raw::default();
    for block in part.split("\n\n").take(super::MOST_REPORTS * 2) {
        let fields = Fields::of(&without_indent(block));
        if let Some(envid) = fields.first("original-envelope-id").filter(|envid| !envid.is_empty()) {
            envelope.envid.get_or_insert_with(|| super::lines::cut(&addresses::xtext(envid), 500).to_owned());
        }
        if let Some(sender) = fields.first("x-postfix-sender").and_then(addresses::in_field) {
            envelope.sender.get_or_insert(sender);
        }
        if open.is_complete() && !fields.is_empty() && !open.goes_on_in(&fields) {
            groups.extend(std::mem::take(&mut open).group());
        }
        for (name, value) in fields.iter() {
            if open.begins_anew(name) {
                groups.extend(std::mem::take(&mut open).group());
            }
            open.take(name, value);
        }
        if groups.len() >= super::MOST_REPORTS {
            return;
        }
    }
    groups.extend(open.group());
}

/// Some servers indent the fields in their text; a folded line stays folded.
fn without_indent(block: &str) -> String {
    let first = block.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let indent = first.len() - first.trim_start().len();
    if indent == 0 {
        return block.to_owned();
    }
    block.lines().map(|line| line.get(indent..).unwrap_or(line)).collect::<Vec<_>>().join("\n")
}

/// The fields of one recipient as they come.
#[derive(Default)]
struct Raw {
    finally: Option<String>,
    original: Option<String>,
    action: Option<String>,
    status: Option<String>,
    diagnostic: Option<String>,
}

impl Raw {
    /// A recipient and what became of it. What comes after an empty line is another's.
    fn is_complete(&self) -> bool {
        self.finally.is_some() && self.action.is_some()
    }

    /// Some servers put an empty line between all fields: what is missing comes without another recipient.
    fn goes_on_in(&self, fields: &Fields) -> bool {
        let has = |name| fields.has(name);
        !(has("final-recipient") || has("original-recipient") || has("action"))
            && ((self.status.is_none() && has("status")) || (self.diagnostic.is_none() && has("diagnostic-code")))
    }

    /// The recipient's field again, without an empty line between.
    fn begins_anew(&self, name: &str) -> bool {
        match name {
            "final-recipient" => self.finally.is_some(),
            "original-recipient" => self.original.is_some() && self.action.is_some(),
            _ => false,
        }
    }

    fn take(&mut self, name: &str, value: &str) {
        let slot = match name {
            "final-recipient" | "final-recipent" => &mut self.finally,
            "original-recipient" => &mut self.original,
            "action" => &mut self.action,
            "status" => &mut self.status,
            "diagnostic-code" => &mut self.diagnostic,
            _ => return,
        };
        slot.get_or_insert_with(|| value.to_owned());
    }

    fn group(self) -> Option<Group> {
        let finally = self.finally.as_deref().and_then(addresses::in_field);
        let original = self.original.as_deref().and_then(addresses::in_field);
        let original = original.map(|original| match &finally {
            Some(finally) if addresses::key(finally) == addresses::key(&original) => original,
            _ => addresses::xtext_address(&original),
        });
        // Servers hand a mail on to programs and local users; then our own spelling says more.
        let has_host = |address: &String| address.contains('@');
        let finally = finally.filter(|finally| has_host(finally) || !original.as_ref().is_some_and(has_host));
        let address = finally.or_else(|| original.clone())?;
        let action = self.action.unwrap_or_default().to_ascii_lowercase();
        let action = action.split(|c: char| !c.is_ascii_alphabetic()).find(|word| !word.is_empty()).unwrap_or_default();
        Some(Group {
            address,
            original,
            action: action.to_owned(),
            status: self.status.unwrap_or_default(),
            diagnostic: without_kind(&self.diagnostic.unwrap_or_default()).to_owned(),
        })
    }
}

/// A Diagnostic-Code without its `smtp;`.
fn without_kind(value: &str) -> &str {
    match value.split_once(';') {
        Some((kind, rest)) if kind.trim().bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') => rest.trim(),
        _ => value.trim(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(part: &str) -> (Envelope, Vec<Group>) {
        let (mut envelope, mut groups) = (Envelope::default(), Vec::new());
        read(part, &mut envelope, &mut groups);
        (envelope, groups)
    }

    #[test]
    fn each_recipient_has_its_group_however_the_groups_are_parted() {
        let apart = "Reporting-MTA: dns; x\nOriginal-Envelope-Id: a+2Bb\n\nFinal-Recipient: rfc822; a@b.jp\nAction: failed (no)\nStatus: 5.1.1\n\n\
            Final-Recipient: rfc822; c@d.jp\nAction: delayed\nStatus: 4.2.0\nDiagnostic-Code: smtp; 450 4.2.0\n wait\n";
        let together = apart.replace("\n\n", "\n");
        let torn = apart.replace("Action", "\nAction");
        for part in [apart, &together, &torn] {
            let (envelope, groups) = read_all(part);
            assert_eq!(envelope.envid.as_deref(), Some("a+b"));
            let read: Vec<_> =
                groups.iter().map(|g| (g.address.as_str(), g.action.as_str(), g.status.as_str())).collect();
            assert_eq!(read, [("a@b.jp", "failed", "5.1.1"), ("c@d.jp", "delayed", "4.2.0")], "{part}");
            assert_eq!(groups[1].diagnostic, "450 4.2.0 wait");
        }
    }

    #[test]
    fn a_local_user_or_a_program_is_told_by_the_address_that_we_wrote() {
        let (_, groups) = read_all(
            "Final-Recipient: rfc822; |/usr/bin/filter\nOriginal-Recipient: rfc822;a+2Bb@c.jp\nAction: failed\n",
        );
        assert_eq!((groups[0].address.as_str(), groups[0].original.as_deref()), ("a+b@c.jp", Some("a+b@c.jp")));
        let (_, groups) = read_all("Original-Recipient: <a@b.jp>\nAction: failed\n");
        assert_eq!(groups[0].address, "a@b.jp");
    }
}
