//! `alerts`: whom the daemon tells what a person must know.

use super::problem::Findings;
use super::resolve_option;
use crate::cli::say::say;
use owabi_core::address::Address;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// `alerts`: mails to the operators, and a program of theirs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Alerts {
    /// Who gets alerts and the daily report by mail.
    pub mail: Vec<String>,
    /// Their sender; `None`: the bounce address.
    pub from: Option<String>,
    /// A program that is run for each alert.
    pub command: Option<PathBuf>,
    /// When the daily report is mailed, Japan time, `09:00`; `None` is off.
    pub daily: Option<String>,
}

impl Alerts {
    /// The minute of the day of the daily report; `None` when it is off, or no time (which loading has refused).
    pub fn daily_minute(&self) -> Option<u16> {
        let (hours, minutes) = self.daily.as_deref()?.split_once(':')?;
        let two_digits = |part: &str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
        let valid = two_digits(hours) && two_digits(minutes);
        let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
        (valid && hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
    }

    pub(super) fn resolve(&mut self, folder: &Path) {
        resolve_option(&mut self.command, folder);
    }

    pub(super) fn validate(&self, found: &mut Findings) {
        let named = self.mail.iter().enumerate().map(|(n, address)| (format!("alerts.mail[{n}]"), address));
        for (key, address) in named.chain(self.from.iter().map(|from| ("alerts.from".to_owned(), from))) {
            if Address::parse(address).is_err() {
                found.refuse(key, say!(ja: "メールアドレスではありません。", en: "is not a mail address"));
            }
        }
        if self.command.as_deref().is_some_and(|path| path.as_os_str().is_empty()) {
            found.refuse_with(
                "alerts.command",
                say!(ja: "空にはできません。", en: "must not be empty"),
                say!(ja: "プログラムのパスを書くか、使わないなら null と書いてください。", en: "write the path of a program, or null for none"),
            );
        }
        if self.daily.is_some() && self.daily_minute().is_none() {
            found.refuse_with(
                "alerts.daily",
                say!(ja: "時刻ではありません。", en: "is not a time of the day"),
                say!(ja: "日本時間で \"09:00\" のように書くか、送らないなら null と書いてください。", en: "write \"09:00\", Japan time, or null for none"),
            );
        }
        if self.daily.is_some() && self.mail.is_empty() {
            found.refuse_with(
                "alerts.daily",
                say!(ja: "送る相手がいません。", en: "has nobody to mail to"),
                say!(ja: "alerts.mail に宛先を書いてください。", en: "name somebody under alerts.mail"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_daily_report_has_a_time_of_the_day_in_two_digits_each() {
        let minute = |daily: &str| Alerts { daily: Some(daily.into()), ..Alerts::default() }.daily_minute();
        assert_eq!([minute("00:00"), minute("09:00"), minute("23:59")], [Some(0), Some(540), Some(1_439)]);
        for wrong in ["9:00", "24:00", "09:60", "0900", "", "09:00:00", "+9:00"] {
            assert_eq!(minute(wrong), None, "{wrong}");
        }
    }
}
