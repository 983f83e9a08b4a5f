//! Notices of Amazon SES (by SNS), which come by mail as one JSON document.

use super::dsn::Group;
use super::prose::Prose;
use super::{Kind, Report, verdict};
use serde::Deserialize;
use serde_json::Value;

/// What such a document tells.
pub(super) struct Event {
    pub(super) kind: Kind,
    pub(super) reports: Vec<Report>,
    pub(super) message_ids: Vec<String>,
}

/// `None` when the prose is no such document.
pub(super) fn event(prose: &Prose) -> Option<Event> {
    let first = prose.lines.iter().find(|line| !line.trim().is_empty())?;
    if !first.trim_start().starts_with('{') {
        return None;
    }
    let text = prose.lines.join("");
    // Whatever follows the document is SNS's way to unsubscribe.
    let document = Value::deserialize(&mut serde_json::Deserializer::from_str(&text)).ok()?;
    let inner = document.get("Message").and_then(Value::as_str).and_then(|text| serde_json::from_str(text).ok());
    let document: Value = inner.unwrap_or(document);
    let what = ["notificationType", "eventType"].iter().find_map(|key| document.get(key)?.as_str())?;
    let (kind, groups) = match what {
        "Bounce" => (Kind::Bounce, bounced(&document["bounce"])),
        "Delivery" => (Kind::Bounce, delivered(&document["delivery"])),
        "DeliveryDelay" => (Kind::Bounce, delayed(&document["deliveryDelay"])),
        "Complaint" => (Kind::Complaint, Vec::new()),
        _ => (Kind::Other, Vec::new()),
    };
    let reports = groups.into_iter().take(super::MOST_REPORTS).map(|group| verdict::of_fields(group, "")).collect();
    Some(Event { kind, reports, message_ids: message_ids(&document["mail"]) })
}

fn bounced(bounce: &Value) -> Vec<Group> {
    let class = if bounce["bounceType"] == "Transient" { "4.0.0" } else { "5.0.0" };
    recipients(&bounce["bouncedRecipients"], "failed", class)
}

fn delayed(delay: &Value) -> Vec<Group> {
    recipients(&delay["delayedRecipients"], "delayed", "4.0.0")
}

fn recipients(list: &Value, action: &str, class: &str) -> Vec<Group> {
    let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
    let group = |one: &Value| {
        let of = |key: &str, or: &str| one[key].as_str().unwrap_or(or).to_owned();
        let address = super::addresses::in_field(one["emailAddress"].as_str()?)?;
        Some(Group {
            address,
            action: of("action", action),
            status: of("status", class),
            diagnostic: of("diagnosticCode", ""),
            original: None,
        })
    };
    list.iter().filter_map(group).collect()
}

fn delivered(delivery: &Value) -> Vec<Group> {
    let list = delivery["recipients"].as_array().map(Vec::as_slice).unwrap_or_default();
    let addresses = list.iter().filter_map(|one| super::addresses::in_field(one.as_str()?));
    let said = delivery["smtpResponse"].as_str().unwrap_or_default();
    let status = said.split_ascii_whitespace().nth(1).unwrap_or_default();
    let group = |address| Group {
        address,
        action: "delivered".to_owned(),
        status: status.to_owned(),
        diagnostic: said.to_owned(),
        original: None,
    };
    addresses.map(group).collect()
}

/// The Message-ID that we wrote, then the one that SES gave.
fn message_ids(mail: &Value) -> Vec<String> {
    let headers = mail["headers"].as_array().map(Vec::as_slice).unwrap_or_default();
    let ours = headers
        .iter()
        .filter(|header| header["name"].as_str().is_some_and(|name| name.eq_ignore_ascii_case("message-id")));
    let ours = ours.filter_map(|header| header["value"].as_str());
    let ids = ours.chain(mail["commonHeaders"]["messageId"].as_str()).chain(mail["messageId"].as_str());
    ids.take(5).map(|id| id.trim_matches(['<', '>']).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bounce::Class;

    fn read(document: &str) -> Option<Event> {
        event(&Prose { lines: document.lines().map(str::to_owned).collect(), ..Prose::default() })
    }

    #[test]
    fn bounces_deliveries_and_complaints_of_amazon_are_read() {
        let bounce = r#"{"notificationType":"Bounce","bounce":{"bounceType":"Permanent","bouncedRecipients":
            [{"emailAddress":"a@b.jp","action":"failed","status":"5.1.1","diagnosticCode":"smtp; 550 5.1.1 no"}]},
            "mail":{"messageId":"0101","headers":[{"name":"Message-ID","value":"<ours@x.jp>"}]}}
            -- unsubscribe"#;
        let event = read(bounce).unwrap();
        assert_eq!((event.kind, event.reports[0].class), (Kind::Bounce, Class::Permanent));
        assert_eq!(event.message_ids, ["ours@x.jp", "0101"]);
        let delivery = r#"{"eventType":"Delivery","delivery":{"recipients":["a@b.jp"],"smtpResponse":"250 2.6.0 ok"}}"#;
        assert_eq!(read(delivery).unwrap().reports[0].class, Class::Delivered);
        assert_eq!(read(r#"{"notificationType":"Complaint"}"#).unwrap().kind, Kind::Complaint);
        assert!(read("{broken").is_none() && read("Hello").is_none() && read("{}").is_none());
    }
}
