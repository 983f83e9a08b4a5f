//! How an address stands in the text: as a recipient, or as somebody else.

use crate::bounce::addresses::{self, Found};
use crate::bounce::prose::Prose;
use crate::bounce::signs::{Sign, Signs};

/// How an address stands in the text; the first rank that occurs is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// At the start of a line, or behind a label like `Failed recipient:`.
    Listed,
    /// In a sentence that tells of a failure.
    Spoken,
    /// In the transcript of an SMTP session: `RCPT TO:<a@b>`.
    Transcript,
    /// Behind `To:`: the mail's recipient.
    Addressed,
}

/// Labels of addresses that are nobody's failure.
const NOBODY: &str = "\
    sender|mailto|contact|reply|message-id|message id|return-path|postmaster|errors-to|support|from:|\
    mail from|sent by|reporting|absender|expéditeur|remitente|remetente|отправител|差出人|送信者|送信元|発信者|連絡|\
    发件人|問い合わせ|問合せ|連絡先|http|subject";

/// Parts of labels of recipients.
const RECIPIENT: &str = "\
    recipient|undeliverable|failed|failure|user|mailbox|address|addressed to|error-for|unknown|\
    delivered to|deliver to|delivery to|rcpt|to these|account|invalid|rejected|full|sent to|send to|\
    empfänger|destinataire|destinatario|destinatário|adresse|dirección|endereço|получател|адрес|\
    ontvanger|收件|收信|地址|수신|받는|宛先|あて先|宛て先|送信先|送付先|配信先|受信者|受取人|アドレス|ユーザ|メールボックス|mailaddress|mail-address";

/// Words before an address that make it somebody else's.
const SOMEBODY_ELSE: &str = "\
    from|by|contact|sender|via|mailto|von|de|от|email|e-mail|envelope-from|reply-to|id|at|cc|\
    kontaktieren|sender's|expéditeur";

/// What the cell before the sender's address says.
const SENDER_CELLS: [&str; 12] = [
    "from",
    "sender",
    "original sender",
    "sender address",
    "mail from",
    "von",
    "absender",
    "expéditeur",
    "remitente",
    "差出人",
    "送信者",
    "发件人",
];

/// How `found`, in line number `at` of the prose, stands there; `None` when it is no recipient.
pub(super) fn rank(prose: &Prose, at: usize, line: &str, found: &Found) -> Option<Rank> {
    let before = line.get(..found.start)?;
    let lower = before.to_lowercase();
    if let Some(name) = lower.strip_suffix("mailto:").and_then(|name| name.strip_suffix(['<', '['])) {
        return linked(prose, at, name, &line[found.end..]);
    }
    if is_transcript(&lower) {
        return (lower.contains("rcpt")).then_some(Rank::Transcript);
    }
    let bracketed = line.get(found.start..).is_some_and(|rest| rest.starts_with('<'));
    let has_host = found.address.rsplit_once('@').is_some_and(|(_, host)| host.contains('.') || host.starts_with('['));
    match label(&lower) {
        Some(Label::Recipient) => return Some(Rank::Listed),
        Some(Label::To) => return Some(Rank::Addressed),
        Some(Label::Nobody) => return None,
        None => {}
    }
    if leads(before, &found.address) {
        if is_below_sender(prose, at) {
            return None;
        }
        return listed(prose, at, line, found).then_some(Rank::Listed);
    }
    ((has_host || bracketed) && spoken(prose, at, line, found)).then_some(Rank::Spoken)
}

/// A label, the word before it or the line above makes the address somebody else's, or help is offered there.
pub(super) fn is_of_nobody(prose: &Prose, at: usize, line: &str, found: &Found) -> bool {
    let Some(before) = line.get(..found.start) else { return true };
    let lower = before.to_lowercase();
    is_transcript(&lower)
        || matches!(label(&lower), Some(Label::Nobody))
        || is_somebody_else(after_last_stop(before))
        || is_below_sender(prose, at)
        || Signs::of(line).has(Sign::Help)
        || offers_help(prose, at)
}

/// `A Person<mailto:a@b.jp>`, alone in its line: how Outlook writes a link as text.
fn linked(prose: &Prose, at: usize, name: &str, rest: &str) -> Option<Rank> {
    let alone = !rest.contains(char::is_alphanumeric) && name.chars().count() <= 80 && !name.contains(':');
    (alone && !offers_help(prose, at)).then_some(Rank::Listed)
}

/// `RCPT TO:`, `MAIL FROM:` and the like.
fn is_transcript(before: &str) -> bool {
    ["rcpt to", "mail from", "rcpt:", "envelope-from", "envelope-sender"].iter().any(|verb| before.contains(verb))
}

enum Label {
    Recipient,
    To,
    Nobody,
}

/// What a label like `Failed recipient:` before the address says of it.
fn label(before: &str) -> Option<Label> {
    let before = before.trim_end().trim_end_matches(['<', '"', '\'', '[', '(', '「', '＜', '*', ' ', '\t']);
    let before =
        before.strip_suffix([':', '：', '=', '＝', '】', ']', '》']).or_else(|| before.strip_suffix("->"))?.trim();
    let label = before.rsplit(['.', ';', '。', ':']).next().unwrap_or_default();
    let label = label.trim_matches(|c: char| !c.is_alphanumeric());
    if label.chars().count() > 60 {
        return None;
    }
    let has = |words: &str| words.split('|').any(|word| label.contains(word));
    if has(NOBODY) || ["from", "by", "cc", "von", "de", "от"].contains(&label) {
        return Some(Label::Nobody);
    }
    if ["to", "an", "a", "à", "para", "кому", "宛先", "あて先", "收件人", "받는 사람"].contains(&label)
    {
        return Some(Label::To);
    }
    has(RECIPIENT).then_some(Label::Recipient)
}

/// The line above, a cell of a table, says whose address this is: the sender's.
fn is_below_sender(prose: &Prose, at: usize) -> bool {
    let above = prose.lines[..at].iter().rev().take(3).map(|line| line.trim()).find(|line| !line.is_empty());
    above.is_some_and(|above| SENDER_CELLS.contains(&above.trim_end_matches([':', '：']).to_lowercase().as_str()))
}

/// Nothing but bullets, quotes and perhaps the recipient's name stands before the address.
fn leads(before: &str, address: &str) -> bool {
    let rest = before.trim().trim_end_matches('<').trim();
    let letters = rest.chars().filter(|c| c.is_alphanumeric()).count();
    if letters == 0 {
        return rest.chars().count() <= 12;
    }
    let local = address.split('@').next().unwrap_or_default();
    let quoted_name = rest.starts_with('"') && rest.ends_with('"') && before.trim_end().ends_with('<');
    let colons = rest.starts_with(local) && rest.ends_with(':') && before.trim_end().ends_with('<');
    let same = rest.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase().ends_with(&addresses::key(address));
    let numbered = rest.trim_end_matches(['.', ')', ']', ':']).bytes().all(|b| b.is_ascii_digit()) && letters <= 3;
    quoted_name || colons || same || numbered
}

/// A line that begins with an address lists a recipient, unless what stands before or behind it says otherwise.
fn listed(prose: &Prose, at: usize, line: &str, found: &Found) -> bool {
    let after = line.get(found.end..).unwrap_or_default().trim_start_matches([' ', '\t', '>', ']', ')', '"', '\'']);
    if after.is_empty()
        || after.starts_with([':', '.', '(', '-', ',', ';', '=', '：', '…', '|', '[', '"', '<', '（', '*', '#'])
    {
        return !offers_help(prose, at);
    }
    spoken(prose, at, line, found)
}

/// The line before, when it is not empty and belongs to this one, offers help or names the sender.
fn offers_help(prose: &Prose, at: usize) -> bool {
    let mut before = prose.lines[..at].iter().rev().take(2).map(|line| line.trim());
    let nearest = match (before.next(), before.next()) {
        (Some(""), Some(earlier)) if earlier.ends_with([':', '：']) => earlier,
        (Some(nearest), _) => nearest,
        _ => return false,
    };
    let lower = nearest.to_lowercase();
    let ends_with_from = lower
        .trim_end_matches([':', ' ', '：'])
        .rsplit(' ')
        .next()
        .is_some_and(|word| ["from", "sender", "von", "by"].contains(&word));
    let signs = Signs::of(nearest);
    ends_with_from || (signs.has(Sign::Help) && !signs.fails()) || lower.contains("差出人") || lower.contains("送信者")
}

/// The sentence around the address tells of a failure, and the word before it does not make it somebody else's.
fn spoken(prose: &Prose, at: usize, line: &str, found: &Found) -> bool {
    let before = line.get(..found.start).unwrap_or_default();
    let previous = at.checked_sub(1).and_then(|at| prose.lines.get(at)).map_or("", String::as_str);
    let next = prose.lines.get(at + 1).map_or("", String::as_str);
    let lead = format!("{previous} {before}");
    let sentence = after_last_stop(&lead);
    if is_somebody_else(sentence) {
        return false;
    }
    let rest = line.get(found.end..).unwrap_or_default();
    let behind = format!("{rest} {next}");
    let signs = Signs::of(&format!("{sentence} x {behind}"));
    let lead_signs = Signs::of(sentence);
    let tells = |signs: Signs| signs.fails() || signs.has(Sign::Delivered);
    tells(signs) && (tells(lead_signs) || !lead_signs.has(Sign::Help))
}

fn after_last_stop(text: &str) -> &str {
    let stop = text
        .rmatch_indices(['.', '。', '!', '?'])
        .find(|(at, mark)| *mark == "。" || text[at + mark.len()..].starts_with([' ', '\n']));
    stop.map_or(text, |(at, mark)| &text[at + mark.len()..])
}

/// `from`, `contact`, `sender` and the like stand right before the address.
fn is_somebody_else(sentence: &str) -> bool {
    let lower = sentence.trim_end().trim_end_matches(['<', '"', '\'', '(', '[', ':', ' ']).to_lowercase();
    let mut words = lower.rsplit(|c: char| c.is_whitespace() || matches!(c, '(' | '[' | ','));
    let last = words.next().unwrap_or_default();
    let one_before = words.next().unwrap_or_default();
    let of_sender =
        matches!(last, "address" | "sender" | "user") && matches!(one_before, "sender" | "from" | "your" | "sender's");
    let is_word = SOMEBODY_ELSE.split('|').any(|word| word == last)
        && !matches!((one_before, last), ("your" | "the", "email" | "e-mail"));
    is_word || of_sender || lower.ends_with("差出人") || lower.ends_with("送信者")
}
