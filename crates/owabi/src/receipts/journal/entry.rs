//! One entry of the journal, as `journalctl --output=json` prints it.

use serde_json::Value;

/// An entry as a line that the log's reader knows. The line, and so its hash, is made of identifier, process, time and message alone:
/// cursors differ between copies of a journal.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) cursor: String,
    pub(super) line: Vec<u8>,
    /// Epoch milliseconds.
    pub(super) at: i64,
}

impl Entry {
    /// `None` for what is no entry.
    pub(super) fn read(json: &[u8]) -> Option<Self> {
        let entry: Value = serde_json::from_slice(json).ok()?;
        let cursor = entry.get("__CURSOR")?.as_str()?.to_owned();
        let stamp: i64 = entry.get("__REALTIME_TIMESTAMP")?.as_str()?.parse().ok()?;
        let field = |name: &str| entry.get(name).map(octets).unwrap_or_default();
        let process = if entry.get("SYSLOG_PID").is_some() { field("SYSLOG_PID") } else { field("_PID") };
        let mut line = format!("{stamp} journal ").into_bytes();
        line.extend([&field("SYSLOG_IDENTIFIER")[..], b"[", &process, b"]: ", &field("MESSAGE")].concat());
        Some(Self { cursor, line, at: stamp / 1_000 })
    }
}

/// Text, or a list of octets where it is no UTF-8; of a field that is there several times the first.
fn octets(value: &Value) -> Vec<u8> {
    match value {
        Value::String(text) => text.as_bytes().to_vec(),
        Value::Array(list) if list.iter().all(Value::is_u64) => {
            list.iter().filter_map(|octet| u8::try_from(octet.as_u64()?).ok()).collect()
        }
        Value::Array(list) => list.first().map(octets).unwrap_or_default(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use owabi_core::maillog::Log;

    fn read(fields: &str) -> Option<Entry> {
        Entry::read(
            format!(r#"{{"__CURSOR":"s=1;i=2","__REALTIME_TIMESTAMP":"1795340387004321",{fields}}}"#).as_bytes(),
        )
    }

    #[test]
    fn an_entry_becomes_a_line_of_the_log_with_its_time() {
        let entry = read(
            r#""SYSLOG_IDENTIFIER":"postfix/qmgr","SYSLOG_PID":"7","_PID":"8","MESSAGE":"4D65C98C1B2: from=<>, size=1, nrcpt=1 (queue active)""#,
        );
        let entry = entry.unwrap();
        assert_eq!((entry.cursor.as_str(), entry.at), ("s=1;i=2", 1_795_340_387_004));
        let evidence = Log::default().line(&entry.line, Some(entry.at)).unwrap();
        assert_eq!((evidence.queue_id.as_str(), evidence.at), ("4D65C98C1B2", Some(1_795_340_387_004)));
    }

    #[test]
    fn a_message_that_is_no_utf8_comes_as_octets_and_one_of_several_is_enough() {
        let octets = read(r#""SYSLOG_IDENTIFIER":"postfix/smtp","_PID":"8","MESSAGE":[97,255,98]"#).unwrap();
        assert_eq!(octets.line, b"1795340387004321 journal postfix/smtp[8]: a\xffb");
        let several = read(r#""SYSLOG_IDENTIFIER":["postfix/smtp","x"],"MESSAGE":null"#).unwrap();
        assert_eq!(several.line, b"1795340387004321 journal postfix/smtp[]: ");
    }

    #[test]
    fn the_line_does_not_depend_on_the_cursor() {
        let fields = r#""__REALTIME_TIMESTAMP":"17","SYSLOG_IDENTIFIER":"postfix/smtp","MESSAGE":"x""#;
        let one = Entry::read(format!(r#"{{"__CURSOR":"a",{fields}}}"#).as_bytes()).unwrap();
        let other = Entry::read(format!(r#"{{"__CURSOR":"b",{fields}}}"#).as_bytes()).unwrap();
        assert_eq!(one.line, other.line);
    }

    #[test]
    fn what_is_no_entry_is_passed_over() {
        for text in [
            "",
            "-- No entries --",
            "{}",
            "[]",
            r#"{"__CURSOR":1}"#,
            r#"{"__CURSOR":"a","__REALTIME_TIMESTAMP":"soon"}"#,
        ] {
            assert_eq!(Entry::read(text.as_bytes()), None, "{text}");
        }
    }
}
