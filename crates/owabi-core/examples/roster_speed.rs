//! Reads a generated payment export and prints rows a second: `cargo run --release -p owabi-core --example roster_speed [ROWS] [ENCODING]`.

use owabi_core::roster::{CohortRule, Encoding, RosterCohort, RosterOptions, RosterReader, Verdict, encode};
use std::error::Error;
use std::io::Read;

/// A header and the same ten thousand rows again and again: encoding them is not what is measured.
struct Export {
    left: u64,
    block: Vec<u8>,
    ready: Vec<u8>,
    taken: usize,
}

const BLOCK: u64 = 10_000;

impl Export {
    fn new(rows: u64, encoding: Encoding) -> Self {
        let encoded = |text: &str| encode(text, encoding).unwrap_or_default();
        let block: String = (0..BLOCK).map(row).collect::<Vec<_>>().concat();
        let ready = encoded("会員番号,氏名,メールアドレス,支払内容,支払方法,支払日時,備考\r\n");
        Self { left: rows / BLOCK, block: encoded(&block), ready, taken: 0 }
    }
}

fn row(n: u64) -> String {
    let purpose = if n.is_multiple_of(3) {
        "野球指導者講習会 受講料"
    } else {
        "公認野球指導者資格 登録費"
    };
    let (month, day) = (10 + n % 3, 1 + n % 28);
    format!(
        "M{n:08},山田 太郎{n},taro.yamada{n}@example.jp,{purpose},クレジットカード,2021-{month}-{day:02} 09:30:00,備考{n}\r\n"
    )
}

impl Read for Export {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        if self.taken == self.ready.len() && self.left > 0 {
            self.ready.clone_from(&self.block);
            (self.left, self.taken) = (self.left - 1, 0);
        }
        let n = out.len().min(self.ready.len() - self.taken);
        out[..n].copy_from_slice(&self.ready[self.taken..self.taken + n]);
        self.taken += n;
        Ok(n)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let rows = arguments.next().map_or(Ok(1_000_000), |rows| rows.parse())?;
    let encoding = arguments.next().and_then(|name| Encoding::from_name(&name)).unwrap_or(Encoding::Cp932);
    let day = |text: &str| text.parse().map(Some);
    let rule = |purpose: &str| -> Result<CohortRule, Box<dyn Error>> {
        let method = vec!["クレジットカード".to_owned()];
        Ok(CohortRule {
            purpose: vec![purpose.to_owned()],
            method,
            paid_from: day("2021-10-14")?,
            paid_to: day("2022-01-25")?,
        })
    };
    let cohort = |id: &str, rule| RosterCohort { id: id.to_owned(), title: String::new(), rule: Some(rule) };
    let cohorts = vec![
        cohort("registration", rule("公認野球指導者資格 登録費")?),
        cohort("course", rule("野球指導者講習会 受講料")?),
    ];
    let options = RosterOptions { cohorts, encoding: Some(encoding), ..RosterOptions::default() };
    let export = Export::new(rows, encoding);
    #[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
    let start = std::time::Instant::now();
    let mut counts = [0_u64; 3];
    for line in RosterReader::new(export, &options)? {
        match line?.verdict {
            Verdict::Affected(_) => counts[0] += 1,
            Verdict::NotAffected { .. } => counts[1] += 1,
            Verdict::Refused { .. } => counts[2] += 1,
        }
    }
    let milliseconds = start.elapsed().as_millis().max(1);
    let [affected, not_affected, refused] = counts;
    println!("affected {affected}, not affected {not_affected}, refused {refused}");
    println!("{rows} rows in {milliseconds} ms: {} rows/s", u128::from(rows) * 1000 / milliseconds);
    Ok(())
}
