//! When the next mail of a notice leaves, or why none does.

use super::hold::Hold;
use crate::cli::say::{Text, say};
use crate::japan;
use crate::library::Library;
use owabi_core::lifecycle::Status;
use owabi_store::{NoticeRow, Store, StoreError};
use std::collections::BTreeMap;

/// What comes next of one notice.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Nobody waits, or for something else than the time: a release, or the verdict about the first mails.
    Nothing,
    /// Paused, with members who wait.
    Paused,
    /// Released and waiting, but its files here are missing or not those that were released.
    OtherText,
    /// The next mail can leave then (epoch milliseconds).
    At(i64),
}

impl Next {
    /// What is next of `row` at `now` (epoch milliseconds).
    pub(super) async fn of(
        (store, library): (&Store, &Library),
        (row, counts, hold): (&NoticeRow, &BTreeMap<Status, i64>, &Hold),
        now: i64,
    ) -> Result<Self, StoreError> {
        let count = |status| counts.get(&status).copied().unwrap_or(0);
        let waiting = count(Status::Queued) + count(Status::InDoubt);
        Ok(match row.state.as_str() {
            "paused" if waiting > 0 => Self::Paused,
            "released" if waiting > 0 && !library.is_as_released(row) => Self::OtherText,
            "released" => hold.leaves_at(store, row, now).await?.map_or(Self::Nothing, Self::At),
            _ => Self::Nothing,
        })
    }

    /// When the next mail can leave (epoch milliseconds).
    pub(super) fn at(&self) -> Option<i64> {
        if let Self::At(at) = self { Some(*at) } else { None }
    }

    /// Whether what waits can be sent as it was released; `None` where nothing waits for a daemon.
    pub(super) fn as_released(&self) -> Option<bool> {
        match self {
            Self::At(_) => Some(true),
            Self::OtherText => Some(false),
            Self::Nothing | Self::Paused => None,
        }
    }

    /// For people, of the notice `id`; `at_work`: whether a daemon is, if that can be seen.
    pub(super) fn text(&self, id: &str, now: i64, at_work: Option<bool>) -> Option<Text> {
        match self {
            Self::Nothing => None,
            Self::Paused => Some(say!(
                ja: "  一時停止中のため送信しません。原因を確かめてから `owabi resume {id}` で再開してください。",
                en: "  paused: nothing is sent; find out why, then `owabi resume {id}`"
            )),
            Self::OtherText => Some(say!(
                ja: "  このマシンのファイルがないか、解禁したときの内容と違うため、送信しません。承認時の内容に戻してください(`owabi check`)。",
                en: "  not sent: its files here are missing or not as they were released; restore them (`owabi check`)"
            )),
            Self::At(at) if *at > now => {
                let at = japan::short(*at);
                Some(say!(ja: "  次の送信予定: {at}", en: "  next due: {at}"))
            }
            Self::At(_) if at_work == Some(false) => Some(say!(
                ja: "  送信の時刻になっていますが、`owabi run` が動いていないため送られません。",
                en: "  due now, and not sent: `owabi run` is not at work"
            )),
            Self::At(_) => Some(say!(ja: "  送信の時刻になっています。", en: "  due now")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_has_passed_is_said_to_be_now_and_whether_anything_sends_it() {
        let said = |at, at_work| Next::At(at).text("n1", 1_646_179_200_000, at_work).unwrap().en;
        assert_eq!(said(1_646_179_201_000, Some(false)), "  next due: 2022-03-02 09:00:01");
        assert_eq!(said(10, Some(true)), "  due now");
        assert_eq!(said(10, None), "  due now");
        assert_eq!(said(10, Some(false)), "  due now, and not sent: `owabi run` is not at work");
        assert_eq!(Next::Nothing.text("n1", 10, Some(false)), None);
    }
}
