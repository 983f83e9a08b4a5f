//! The machine: its clock, and how many files a process may have open.

use super::super::say::say;
use super::Findings;
use crate::config::Config;
use crate::japan;
use rustix::process::{Resource, getrlimit};
use std::path::Path;

/// What systemd-timesyncd leaves once it has set the clock (systemd-timesyncd.service(8)).
const SET: &str = "/run/systemd/timesync/synchronized";
/// Programs that keep a clock, by the name of their process.
const KEEPERS: [&str; 5] = ["chronyd", "ntpd", "ntp-daemon", "openntpd", "ptp4l"];
/// Files beside the connections: databases, logs, sources.
const OTHERS: u64 = 64;

pub(super) fn look(config: &Config, now: i64, found: &mut Findings) {
    look_at_clock(now, found);
    let connections: u64 = config.smtp.relays.iter().map(|relay| u64::from(relay.max_connections)).sum();
    look_at_limit(getrlimit(Resource::Nofile).current, connections + OTHERS, found);
}

fn look_at_clock(now: i64, found: &mut Findings) {
    let time = japan::short(now);
    if Path::new(SET).exists() {
        return found.good("clock", say!(ja: "時計は合わせてあります(日本時間 {time}、systemd-timesyncd)。", en: "the clock is set (Japan time {time}, systemd-timesyncd)"));
    }
    if let Some(keeper) = keeper() {
        return found.good("clock", say!(ja: "{keeper} が時計を合わせています(日本時間 {time})。", en: "{keeper} keeps the clock (Japan time {time})"));
    }
    found.careful(
        "clock",
        say!(ja: "時計を合わせるものが見つかりません(日本時間 {time})。", en: "nothing is seen that keeps the clock (Japan time {time})"),
        say!(ja: "上の時刻が正しいか確かめ、systemd-timesyncd か chrony を動かしてください。送信時間帯と記録の日時は、この時計で決まります。", en: "see whether that time is right, and run systemd-timesyncd or chrony: hours of sending and all records go by this clock"),
    );
}

fn keeper() -> Option<&'static str> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let names = processes.filter_map(|process| std::fs::read_to_string(process.path().join("comm")).ok());
    let running: Vec<String> = names.map(|name| name.trim().to_owned()).collect();
    KEEPERS.into_iter().find(|keeper| running.iter().any(|name| name == keeper))
}

/// `most`: `None` for no limit.
fn look_at_limit(most: Option<u64>, need: u64, found: &mut Findings) {
    let shown = most.map_or_else(|| "-".to_owned(), |most| most.to_string());
    let message = say!(
        ja: "同時に開けるファイルは {shown} 個、必要な見込みは {need} 個です(いま実行しているところでの上限)。",
        en: "{shown} files may be open at a time, about {need} are needed (the limit where this runs)"
    );
    if most.is_none_or(|most| most >= need) {
        return found.good("limits", message);
    }
    found.bad(
        "limits",
        message,
        say!(ja: "smtp.relays の max_connections を減らすか、上限を増やしてください(systemd では LimitNOFILE=)。", en: "lower max_connections of smtp.relays, or raise the limit (LimitNOFILE= in the systemd unit)"),
    );
}
