//! How far receipts were read, what of them waits for a person, and whose silence means that no bounce came.

use crate::cli::exit::Failure;
use crate::cli::log::plain;
use crate::cli::say::{Text, say};
use crate::japan;
use crate::quiet::Silence;
use owabi_core::yaml::Span;
use owabi_store::{ArrivalCount, SourceRow, Store};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What the database says of receipts at one moment.
pub(super) struct Evidence {
    sources: Vec<SourceRow>,
    arrivals: Vec<ArrivalCount>,
    /// With how many members of each notice it covers; `None` claims nothing.
    silence: Option<(Silence, BTreeMap<String, i64>)>,
}

impl Evidence {
    pub(super) async fn read(store: &Store, quiet: Span) -> Result<Self, Failure> {
        let sources = store.sources().await?;
        let silence = match Silence::of(&sources, quiet) {
            Some(silence) => Some((silence, store.quiet(silence.accepted_by()).await?)),
            None => None,
        };
        Ok(Self { sources, arrivals: store.arrival_counts().await?, silence })
    }

    /// The accepted members of a notice of whom no bounce came, as JSON.
    pub(super) fn no_bounce(&self, notice: &str) -> Value {
        let of = |(silence, counts): &(Silence, BTreeMap<String, i64>)| json!({ "count": counts.get(notice).copied().unwrap_or(0), "by": silence.day() });
        self.silence.as_ref().map_or(Value::Null, of)
    }

    /// The same for people; nothing when there is nobody.
    pub(super) fn silence(&self, notice: &str) -> Option<Text> {
        let (silence, counts) = self.silence.as_ref()?;
        let (n, day) = (counts.get(notice).filter(|n| **n > 0)?, silence.day());
        Some(say!(
            ja: "  {n:>9}    うち {day} までに不達の知らせなし",
            en: "  {n:>9}    of them, no bounce by {day}"
        ))
    }

    /// `sources` of `status --json`.
    pub(super) fn sources(&self) -> Vec<Value> {
        let document = |source: &SourceRow| {
            json!({
                "host": source.host,
                "name": source.name,
                "bounces": source.bounces,
                "followed": source.followed,
                "looked_at": source.looked_at.map(japan::iso),
                "trouble": source.trouble.as_ref().map(|trouble| &trouble.0),
                "trouble_since": source.trouble.as_ref().map(|trouble| japan::iso(trouble.1)),
            })
        };
        self.sources.iter().map(document).collect()
    }

    /// `arrivals` of `status --json`: each arrival counts once; forged and `auto_reply` are ignored for that reason.
    pub(super) fn arrivals(&self) -> Value {
        let [forged, auto_reply] = ["forged", "auto_reply"].map(|why| self.ignored(why));
        json!({
            "matched": self.count("matched"),
            "parked": self.count("parked"),
            "review": self.count("review"),
            "forged": forged,
            "auto_reply": auto_reply,
            "ignored": self.count("ignored") - forged - auto_reply,
            "dismissed": self.count("dismissed"),
        })
    }

    fn count(&self, state: &str) -> i64 {
        self.arrivals.iter().filter(|arrival| arrival.state == state).map(|arrival| arrival.count).sum()
    }

    fn ignored(&self, why: &str) -> i64 {
        let is = |arrival: &&ArrivalCount| arrival.state == "ignored" && arrival.why == why;
        self.arrivals.iter().filter(is).map(|arrival| arrival.count).sum()
    }

    /// For people: each source, and what there is beside receipts that found their member.
    pub(super) fn texts(&self) -> Vec<Text> {
        let sources = self.sources.iter().map(source);
        let waiting = [
            (self.count("parked"), waits as fn(i64) -> Text),
            (self.count("review"), review),
            (self.ignored("forged"), forged),
            (self.ignored("auto_reply"), auto_reply),
        ];
        sources.chain(waiting.iter().filter(|(n, _)| *n > 0).map(|(n, text)| text(*n))).collect()
    }
}

fn source(source: &SourceRow) -> Text {
    let SourceRow { host, name, followed, looked_at, trouble, .. } = source;
    let looked = match looked_at.map(japan::short) {
        Some(at) => say!(ja: "{at} までに届いた分を確認済み", en: "read up to {at}"),
        None => say!(ja: "まだ確認していません", en: "not read yet"),
    };
    let Text { ja, en } = match trouble {
        Some(trouble) => troubled(&looked, source, trouble),
        None => looked,
    };
    let by_hand =
        if *followed { Text::same("") } else { say!(ja: "(常時の読み取りなし)", en: " (no daemon reads it)") };
    let (by_hand_ja, by_hand_en) = (by_hand.ja, by_hand.en);
    say!(
        ja: "配達・不達の知らせ {host} {name}{by_hand_ja}: {ja}",
        en: "receipts {host} {name}{by_hand_en}: {en}"
    )
}

/// A source that cannot be read holds up what waits for it; one that is read with some trouble does not.
fn troubled(looked: &Text, source: &SourceRow, (what, since): &(String, i64)) -> Text {
    let (what, since): (String, _) = (what.chars().map(plain).collect(), japan::short(*since));
    let Text { ja, en } = looked;
    if source.is_read() {
        return say!(
            ja: "{ja}。ただし {since} から問題があります({what})",
            en: "{en}, but not all is well since {since} ({what})"
        );
    }
    let wait = if source.followed {
        say!(
            ja: "。結果不明のメールの送り直しは、最長で receipts.patience まで待ちます",
            en: "; mails in doubt wait for it, for receipts.patience at most"
        )
    } else {
        Text::same("")
    };
    let (wait_ja, wait_en) = (wait.ja, wait.en);
    say!(
        ja: "{since} から読めません({what})。{ja}{wait_ja}",
        en: "cannot be read since {since} ({what}); {en}{wait_en}"
    )
}

fn waits(n: i64) -> Text {
    say!(ja: "メールの送信結果の記録を待っている知らせ: {n} 件", en: "receipts that wait for the outcome of their mail: {n}")
}

fn review(n: i64) -> Text {
    say!(
        ja: "担当者の確認を待っているメール: {n} 件(`owabi track review`)",
        en: "mails that came back and wait for a person: {n} (`owabi track review`)"
    )
}

fn forged(n: i64) -> Text {
    say!(ja: "偽造された不達の知らせ: {n} 件(無視しました)", en: "forged bounces, ignored: {n}")
}

fn auto_reply(n: i64) -> Text {
    say!(ja: "自動応答: {n} 件(無視しました)", en: "automatic replies, ignored: {n}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use owabi_core::address::Lang;

    fn row(name: &str, followed: bool, looked_at: Option<i64>, trouble: Option<(String, i64)>) -> SourceRow {
        let (host, name) = ("mail1".to_owned(), name.to_owned());
        SourceRow { host, name, bounces: true, followed, since: 1, looked_at, trouble }
    }

    fn count(state: &str, why: &str, count: i64) -> ArrivalCount {
        ArrivalCount { kind: "bounce".into(), state: state.into(), why: why.into(), count }
    }

    #[test]
    fn a_source_is_one_line_with_its_last_look_and_its_trouble() {
        let nine = 1_646_179_200_000;
        let words = |row: &SourceRow| source(row).of(Lang::En).to_owned();
        let read = row("maildir:/b", true, Some(nine), None);
        assert_eq!(words(&read), "receipts mail1 maildir:/b: read up to 2022-03-02 09:00:00");
        let by_hand = row("pipe", false, None, None);
        assert_eq!(words(&by_hand), "receipts mail1 pipe (no daemon reads it): not read yet");
        let gone = row("maildir:/b", true, Some(nine), Some(("permission\ndenied".into(), nine + 1_000)));
        let said = "cannot be read since 2022-03-02 09:00:01 (permission denied); read up to 2022-03-02 09:00:00";
        let wait = "mails in doubt wait for it, for receipts.patience at most";
        assert_eq!(words(&gone), format!("receipts mail1 maildir:/b: {said}; {wait}"));
        let by_hand = row("pipe", false, None, Some(("gone".into(), nine)));
        assert!(!words(&by_hand).contains(wait));
        assert!(source(&gone).of(Lang::Ja).contains("読めません(permission denied)"));
        let unmoved = row("maildir:/b", true, Some(nine), Some(("3 mails cannot be moved".into(), nine - 1_000)));
        let said =
            "read up to 2022-03-02 09:00:00, but not all is well since 2022-03-02 08:59:59 (3 mails cannot be moved)";
        assert_eq!(words(&unmoved), format!("receipts mail1 maildir:/b: {said}"));
        assert!(
            source(&unmoved)
                .of(Lang::Ja)
                .ends_with("ただし 2022-03-02 08:59:59 から問題があります(3 mails cannot be moved)")
        );
    }

    #[test]
    fn each_arrival_counts_once_and_what_waits_for_a_person_is_said_with_the_next_step() {
        let arrivals = vec![
            count("matched", "", 7),
            count("review", "unmatched", 2),
            count("review", "complaint", 1),
            count("ignored", "forged", 4),
            count("ignored", "auto_reply", 5),
            count("ignored", "x", 1),
        ];
        let evidence = Evidence { sources: vec![], arrivals, silence: None };
        let counts = json!({
            "matched": 7, "parked": 0, "review": 3, "forged": 4, "auto_reply": 5, "ignored": 1, "dismissed": 0,
        });
        assert_eq!((evidence.arrivals(), evidence.no_bounce("n1")), (counts, Value::Null));
        let said: Vec<_> = evidence.texts().into_iter().map(|text| text.en).collect();
        let review = "mails that came back and wait for a person: 3 (`owabi track review`)";
        assert_eq!(said, [review, "forged bounces, ignored: 4", "automatic replies, ignored: 5"]);
    }

    #[test]
    fn without_sources_and_receipts_nothing_is_said() {
        let evidence = Evidence { sources: vec![], arrivals: vec![], silence: None };
        assert!(evidence.texts().is_empty() && evidence.silence("n1").is_none());
    }
}
