//! Text from bytes: the charset that a part names, when the bytes agree with it; else the one that they look like.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, ISO_2022_JP, UTF_8, WINDOWS_1252};

/// Never fails; what no charset explains is replaced.
pub(super) fn decoded(bytes: &[u8], label: Option<&str>) -> String {
    if bytes.is_ascii() && !bytes.contains(&0x1b) {
        return bytes.iter().copied().map(char::from).collect();
    }
    let named = label.and_then(|label| Encoding::for_label(label.trim().as_bytes()));
    // Servers write us-ascii and iso-8859-1 over anything.
    let named = named.filter(|encoding| *encoding != WINDOWS_1252);
    let tried = [named, Some(UTF_8), escapes(bytes).then_some(ISO_2022_JP)];
    let clean = tried.into_iter().flatten().find_map(|encoding| {
        let (text, _, faults) = encoding.decode(bytes);
        (!faults && (encoding != UTF_8 || !escapes(bytes))).then(|| text.into_owned())
    });
    clean.unwrap_or_else(|| named.unwrap_or_else(|| guessed(bytes)).decode(bytes).0.into_owned())
}

/// ISO-2022-JP switches to its two-byte characters by `ESC $`.
fn escapes(bytes: &[u8]) -> bool {
    memchr::memmem::find(bytes, b"\x1b$").is_some()
}

fn guessed(bytes: &[u8]) -> &'static Encoding {
    if escapes(bytes) {
        return ISO_2022_JP;
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(bytes, true);
    detector.guess(None, Utf8Detection::Deny)
}

#[cfg(test)]
mod tests {
    use super::*;
    use encoding_rs::{EUC_JP, SHIFT_JIS};

    const TEXT: &str = "次のあて先へのメールは、宛先不明のため送信できませんでした。ご確認ください。";

    #[test]
    fn japanese_is_read_in_each_of_its_encodings_named_or_not() {
        for encoding in [UTF_8, SHIFT_JIS, EUC_JP, ISO_2022_JP] {
            let bytes = encoding.encode(TEXT).0;
            for label in [Some(encoding.name()), None, Some("us-ascii"), Some("unknown-8bit")] {
                assert_eq!(decoded(&bytes, label), TEXT, "{} as {label:?}", encoding.name());
            }
        }
    }

    #[test]
    fn a_wrong_label_does_not_spoil_the_text() {
        assert_eq!(decoded(TEXT.as_bytes(), Some("iso-2022-jp")), TEXT);
        assert_eq!(decoded(b"gr\xfc\xdfe", Some("iso-8859-1")), "grüße");
    }
}
