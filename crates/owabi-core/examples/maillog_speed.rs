//! Reads the generated log of a busy relay and prints lines a second: `cargo run --release -p owabi-core --example maillog_speed [LINES]`.

use owabi_core::maillog::Log;
use std::error::Error;
use std::fmt::Write as _;

/// Lines of one mail: seven, as Postfix writes them for a mail that is relayed; of every fifth, three more for a first try that failed.
fn mail(n: u64, log: &mut String) {
    let id = format!("4Gx{:012X}", 0x5A3_0000_0000_u64 + n);
    let (second, head) = (n / 300 % 60, format!("Nov 22 18:{:02}:{:02} relay postfix", n / 18_000 % 60, n / 300 % 60));
    let to = format!("hanako.yamada{n}@docomo{}.test", n % 7);
    let _ = writeln!(log, "{head}/smtpd[2291]: {id}: client=unknown[192.0.2.10]");
    let _ = writeln!(log, "{head}/cleanup[2302]: {id}: message-id=<{n:x}.1.q5yvhkz2wd7c3nlmtbxe@notices.example.jp>");
    let from = format!(
        "{head}/qmgr[871]: {id}: from=<bounces+{n:x}-q5yvhkz2wd7c3nlmtbxe@example.jp>, size=9120, nrcpt=1 (queue active)"
    );
    let _ = writeln!(log, "{from}");
    let tried = format!(
        "{head}/smtp[2310]: {id}: to=<{to}>, relay=mx{}.docomo.test[198.51.100.{}]:25, delay=1.{second}, delays=0.01/0.02/0.6/0.7",
        n % 3,
        n % 250
    );
    if n.is_multiple_of(5) {
        let _ = writeln!(
            log,
            "{tried}, dsn=4.7.1, status=deferred (host mx.docomo.test[198.51.100.9] said: 451 4.7.1 too many at once, later please (in reply to RCPT TO command))"
        );
        let _ = writeln!(log, "{head}/smtp[2310]: connect to mx.docomo.test[198.51.100.9]:25: Connection timed out");
        let _ = writeln!(log, "{from}");
    }
    let _ = writeln!(log, "{tried}, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 4Gy{n:012X})");
    let _ = writeln!(log, "{head}/qmgr[871]: {id}: removed");
    let _ = writeln!(
        log,
        "{head}/smtpd[2291]: disconnect from unknown[192.0.2.10] ehlo=1 mail=1 rcpt=1 data=1 quit=1 commands=5"
    );
}

fn main() -> Result<(), Box<dyn Error>> {
    let wanted = std::env::args().nth(1).map_or(Ok(1_000_000), |lines| lines.parse())?;
    let (mut text, mut lines) = (String::new(), 0_u64);
    for n in 0_u64.. {
        if lines >= wanted {
            break;
        }
        mail(n, &mut text);
        lines += if n.is_multiple_of(5) { 10 } else { 7 };
    }
    let mut log = Log::default();
    #[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
    let start = std::time::Instant::now();
    let told = text.as_bytes().split(|octet| *octet == b'\n').filter(|line| log.line(line, None).is_some()).count();
    let milliseconds = start.elapsed().as_millis().max(1);
    println!("{} octets, {told} lines were evidence", text.len());
    println!("{lines} lines in {milliseconds} ms: {} lines/s", u128::from(lines) * 1000 / milliseconds);
    Ok(())
}
