//! What holds for every roster.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use owabi_core::address::Address;
use owabi_core::roster::{Encoding, RosterError, RosterOptions, RosterReader, Verdict, detect, encode};
use proptest::prelude::*;

fn quoted(cell: &str) -> String {
    format!("\"{}\"", cell.replace('"', "\"\""))
}

/// Text whose every character each of the encodings has.
fn japanese() -> impl Strategy<Value = String> {
    proptest::string::string_regex("[a-zA-Z0-9ぁ-んァ-ヶ一-丁田中太郎髙﨑①㈱,\"ｱ-ﾝ]{1,20}").unwrap()
}

fn any_encoding() -> impl Strategy<Value = Encoding> {
    prop::sample::select(vec![Encoding::Utf8, Encoding::Utf8Bom, Encoding::Cp932, Encoding::Utf16Le, Encoding::Utf16Be])
}

proptest! {
    #[test]
    fn any_text_is_judged_as_an_address_and_what_is_accepted_is_safe_and_reads_back(
        local in "\\PC{0,20}|[a-z.\"\\\\ ]{1,12}", domain in "\\PC{1,12}|example.jp|docomo.ne.jp|日本語.jp",
    ) {
        if let Ok(parsed) = Address::parse(&format!("{local}@{domain}")) {
            let address = parsed.address;
            prop_assert!(!address.envelope().chars().any(char::is_control));
            prop_assert!(address.domain().is_ascii());
            prop_assert_eq!(Address::from_stored(address.as_str()), Ok(address.clone()));
            prop_assert_eq!(Address::parse(&address.envelope()).map(|parsed| parsed.address), Ok(address));
        }
    }

    #[test]
    fn any_bytes_give_lines_or_an_error_and_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..3000), encoding in any_encoding()) {
        let _ = detect(&bytes);
        let header = encode("member_no,name,email\n", encoding).unwrap();
        let options = RosterOptions { encoding: Some(encoding), ..RosterOptions::default() };
        for start in [&header[..], &[]] {
            let all = [start, &bytes].concat();
            let Ok(reader) = RosterReader::new(&all[..], &options) else { continue };
            let results: Vec<_> = reader.collect();
            let errors = results.iter().filter(|result| result.is_err()).count();
            prop_assert!(errors <= 1);
        }
    }

    #[test]
    fn every_row_comes_to_exactly_one_verdict(rows in prop::collection::vec("[a-z1,なし@.\t]{1,30}", 0..60)) {
        let text = format!("member_no,name,email\n{}\n", rows.join("\n"));
        let blank = |row: &&String| row.trim_matches([' ', '\t']).is_empty();
        let expected = rows.iter().filter(|row| !blank(row)).count();
        let comma = RosterOptions { delimiter: Some(owabi_core::roster::Delimiter::Comma), ..RosterOptions::default() };
        let mut counts = [0; 3];
        for line in RosterReader::new(text.as_bytes(), &comma).unwrap() {
            match line.unwrap().verdict {
                Verdict::Affected(_) => counts[0] += 1,
                Verdict::NotAffected { .. } => counts[1] += 1,
                Verdict::Refused { .. } => counts[2] += 1,
            }
        }
        prop_assert_eq!(counts.iter().sum::<usize>(), expected);
    }

    #[test]
    fn what_was_written_in_any_encoding_is_read_back(names in prop::collection::vec(japanese(), 1..30), encoding in any_encoding(), crlf: bool) {
        let end = if crlf { "\r\n" } else { "\n" };
        let row = |(i, name): (usize, &String)| format!("M{i},{},m{i}@example.jp,{}{end}", quoted(name), quoted(name));
        let text: String = names.iter().enumerate().map(row).collect();
        let bytes = encode(&format!("会員番号,氏名,メールアドレス,備考{end}{text}"), encoding).unwrap();
        let options = RosterOptions { encoding: Some(encoding), ..RosterOptions::default() };
        let lines: Result<Vec<_>, RosterError> = RosterReader::new(&bytes[..], &options).unwrap().collect();
        let lines = lines.unwrap();
        prop_assert_eq!(lines.len(), names.len());
        for (line, name) in lines.iter().zip(&names) {
            let Verdict::Affected(entry) = &line.verdict else { panic!("{line:?}") };
            prop_assert_eq!(&entry.member.name, name);
            prop_assert_eq!(&entry.member.fields["備考"], name);
        }
    }

    #[test]
    fn where_the_pieces_of_a_file_end_changes_nothing(size in 1_usize..50, lone_cr: bool) {
        struct Pieces<'a>(&'a [u8], usize);
        impl std::io::Read for Pieces<'_> {
            fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
                let n = self.1.min(out.len()).min(self.0.len());
                out[..n].copy_from_slice(&self.0[..n]);
                self.0 = &self.0[n..];
                Ok(n)
            }
        }
        let end = if lone_cr { "\r" } else { "\r\n" };
        let row = |i| format!("M{i},\"髙﨑\"\"{i}{end}\",a{i}@example.jp{end}");
        let rows = (0..3000).map(row).collect::<Vec<_>>().concat();
        let bytes = encode(&format!("会員番号,氏名,メール{end}{rows}"), Encoding::Cp932).unwrap();
        let options = RosterOptions::default();
        let whole: Vec<_> = RosterReader::new(&bytes[..], &options).unwrap().map(Result::unwrap).collect();
        let pieces: Vec<_> = RosterReader::new(Pieces(&bytes, size * 37), &options).unwrap().map(Result::unwrap).collect();
        prop_assert_eq!(whole.len(), 3000);
        prop_assert_eq!(whole[2999].number, 2 + 2 * 2999);
        prop_assert_eq!(whole, pieces);
    }
}
