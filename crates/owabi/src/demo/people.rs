//! A made-up payment export. The same number of people always gives the same file.

use owabi_core::roster::{Encoding, encode};
use std::fmt::Write;

const FAMILY: [&str; 16] = [
    "髙﨑",
    "佐藤",
    "鈴木",
    "髙橋",
    "田中",
    "渡邉",
    "伊藤",
    "山本",
    "中村",
    "小林",
    "加藤",
    "吉田",
    "山﨑",
    "齋藤",
    "濵田",
    "五十嵐",
];
const GIVEN: [&str; 12] = ["一郎", "花子", "健太", "美咲", "大輔", "さくら", "翔", "葵", "蓮", "陽菜", "学", "由美子"];
const DOMAINS: [&str; 8] = [
    "example.jp",
    "docomo.ne.jp",
    "example.com",
    "ezweb.ne.jp",
    "mail.example.org",
    "softbank.ne.jp",
    "club.example.jp",
    "au.com",
];
const FEE: &str = "公認野球指導者資格 登録費";
const COURSE: &str = "野球指導者講習会 受講料";

/// The export as the payment company would write it: CP932, CR LF.
pub(super) fn export(people: u32) -> Vec<u8> {
    let mut text = String::from("会員番号,氏名,メールアドレス,支払内容,支払方法,支払日時,都道府県\r\n");
    for n in 1..=people {
        // Writing into a String cannot fail.
        let _ = write_person(&mut text, n);
    }
    text.push_str("99001,読取 不能,yomitori@example.jp,公認野球指導者資格 登録費,クレジットカード,来年ごろ,東京都\r\n");
    text.push_str("99002,,namae@example.jp,公認野球指導者資格 登録費,クレジットカード,2021-11-01,東京都\r\n");
    encode(&text, Encoding::Cp932).unwrap_or_default()
}

fn write_person(text: &mut String, n: u32) -> std::fmt::Result {
    let no = 10_000 + n;
    let name = format!("{} {}", pick(&FAMILY, n), pick(&GIVEN, n / 3));
    let email = email(n);
    let (first, other) = if n.is_multiple_of(3) { (COURSE, FEE) } else { (FEE, COURSE) };
    let (purpose, method, at) = match n % 36 {
        5 => (first, "銀行振込", day(n)),
        17 => ("年会費", "クレジットカード", day(n)),
        29 => (first, "クレジットカード", "2022-01-26 00:00:00".to_owned()),
        _ => (first, "クレジットカード", day(n)),
    };
    write!(text, "{no},{name},{email},{purpose},{method},{at},東京都\r\n")?;
    if n.is_multiple_of(10) {
        write!(text, "{no},{name},{email},{other},クレジットカード,{},東京都\r\n", day(n + 7))?;
    }
    Ok(())
}

/// Addresses as rosters have them: mostly good, some of the carriers' old forms, some missing, some full-width.
fn email(n: u32) -> String {
    match n % 50 {
        7 => String::new(),
        23 => "なし".to_owned(),
        31 => format!("dame{n}"),
        11 => format!("a..{n}b@docomo.ne.jp"),
        37 => format!("kaiin{n}.@ezweb.ne.jp"),
        43 => format!("ｋａｉｉｎ{n}＠example.jp"),
        _ => format!("kaiin{n}@{}", pick(&DOMAINS, n)),
    }
}

fn day(n: u32) -> String {
    let (month, day) = (10 + n % 3, 15 + n % 14);
    format!("2021-{month:02}-{day:02} {:02}:{:02}:00", 9 + n % 12, n % 60)
}

fn pick<'a>(from: &[&'a str], n: u32) -> &'a str {
    from[n as usize % from.len()]
}
