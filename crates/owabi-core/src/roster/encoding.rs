//! Which encoding a roster is in, and decoding it as a stream without ever replacing a character silently.

use crate::address::Lang;
use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{CoderResult, Decoder, DecoderResult};
use serde::{Deserialize, Serialize};
use std::io::{self, Read};

/// Encodings that Japanese rosters come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// UTF-8 without byte order mark.
    Utf8,
    /// UTF-8 with byte order mark, as Excel writes.
    Utf8Bom,
    /// Windows-31J: `Shift_JIS` with the NEC and IBM extensions.
    Cp932,
    /// UTF-16, little end first: Excel's "Unicode text".
    Utf16Le,
    /// UTF-16, big end first.
    Utf16Be,
    /// EUC-JP, of older Unix systems.
    EucJp,
    /// ISO-2022-JP, of old mail systems.
    Iso2022Jp,
}

impl Encoding {
    /// The encoding of this name, in any case and with `_` or `-`: `cp932`, `shift_jis`, `sjis`, `utf-8`, `utf-16le` …
    pub fn from_name(name: &str) -> Option<Self> {
        let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
        match plain.as_str() {
            "utf8" => Some(Self::Utf8),
            "utf8bom" | "utf8sig" => Some(Self::Utf8Bom),
            "cp932" | "sjis" | "shiftjis" | "windows31j" | "ms932" | "mskanji" => Some(Self::Cp932),
            "utf16le" | "utf16" => Some(Self::Utf16Le),
            "utf16be" => Some(Self::Utf16Be),
            "eucjp" | "ujis" => Some(Self::EucJp),
            "iso2022jp" | "jis" => Some(Self::Iso2022Jp),
            _ => None,
        }
    }

    /// The name that [`Encoding::from_name`] reads back.
    pub fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Utf8Bom => "utf-8-bom",
            Self::Cp932 => "cp932",
            Self::Utf16Le => "utf-16le",
            Self::Utf16Be => "utf-16be",
            Self::EucJp => "euc-jp",
            Self::Iso2022Jp => "iso-2022-jp",
        }
    }

    fn table(self) -> &'static encoding_rs::Encoding {
        match self {
            Self::Utf8 | Self::Utf8Bom => encoding_rs::UTF_8,
            Self::Cp932 => encoding_rs::SHIFT_JIS,
            Self::Utf16Le => encoding_rs::UTF_16LE,
            Self::Utf16Be => encoding_rs::UTF_16BE,
            Self::EucJp => encoding_rs::EUC_JP,
            Self::Iso2022Jp => encoding_rs::ISO_2022_JP,
        }
    }
}

/// A guess at an encoding, to be shown to the operator before anything is imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Detected {
    /// The best guess.
    pub encoding: Encoding,
    /// Whether the evidence leaves no other encoding of the list.
    pub confident: bool,
    /// The evidence.
    pub why: Why,
}

/// The evidence for a guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The operator named it.
    Asked,
    /// The file begins with a byte order mark.
    ByteOrderMark,
    /// Zero bytes stand where UTF-16 has them.
    ZeroBytes,
    /// Only ASCII in the sample.
    Ascii,
    /// The escape sequences of ISO-2022-JP.
    Escapes,
    /// The sample is valid UTF-8, which text in another encoding hardly ever is.
    ValidUtf8,
    /// Only this encoding decodes the sample without an error.
    OnlyThisDecodes,
    /// Several encodings decode the sample; its characters speak for this one.
    Statistics,
    /// No encoding decodes the sample without errors; this one makes the fewest.
    FewestErrors,
}

impl Why {
    /// One sentence for the operator.
    pub fn text(self, lang: Lang) -> &'static str {
        let (ja, en) = match self {
            Self::Asked => ("指定された文字コードです", "it was asked for"),
            Self::ByteOrderMark => ("ファイルの先頭に BOM があります", "the file begins with a byte order mark"),
            Self::ZeroBytes => ("UTF-16 に特有の 0 バイトがあります", "it has the zero bytes of UTF-16"),
            Self::Ascii => ("調べた範囲は ASCII 文字だけです", "the sample is plain ASCII"),
            Self::Escapes => ("ISO-2022-JP のエスケープがあります", "it has the escapes of ISO-2022-JP"),
            Self::ValidUtf8 => ("UTF-8 として正しく読めます", "it is valid UTF-8"),
            Self::OnlyThisDecodes => {
                ("誤りなく読める文字コードはこれだけです", "no other encoding reads it without errors")
            }
            Self::Statistics => (
                "複数の文字コードで読めますが、文字の傾向からの推定です",
                "several encodings read it; guessed by its letters",
            ),
            Self::FewestErrors => ("どの文字コードでも読めない箇所があります", "no encoding reads it without errors"),
        };
        lang.of(ja, en)
    }
}

/// Guesses the encoding of a file from its first bytes (some tens of KiB are plenty). The sample may end inside a character.
pub fn detect(sample: &[u8]) -> Detected {
    let sure = |encoding, why| Detected { encoding, confident: true, why };
    match sample {
        [0xef, 0xbb, 0xbf, ..] => return sure(Encoding::Utf8Bom, Why::ByteOrderMark),
        [0xff, 0xfe, ..] => return sure(Encoding::Utf16Le, Why::ByteOrderMark),
        [0xfe, 0xff, ..] => return sure(Encoding::Utf16Be, Why::ByteOrderMark),
        _ => {}
    }
    if let Some(encoding) = utf16_by_zeros(sample) {
        return sure(encoding, Why::ZeroBytes);
    }
    if sample.is_ascii() {
        let escapes = [b"\x1b$B", b"\x1b$@", b"\x1b(J"].iter().any(|e| memchr::memmem::find(sample, *e).is_some());
        return if escapes { sure(Encoding::Iso2022Jp, Why::Escapes) } else { sure(Encoding::Utf8, Why::Ascii) };
    }
    detect_by_decoding(sample)
}

/// A header line has commas or line ends, so UTF-16 without a mark has many zero bytes, nearly all on one side.
fn utf16_by_zeros(sample: &[u8]) -> Option<Encoding> {
    let zeros = |offset: usize| sample.iter().skip(offset).step_by(2).filter(|b| **b == 0).count();
    let (even, odd) = (zeros(0), zeros(1));
    let enough = sample.len() / 40 + 1;
    if odd >= enough && odd > even * 8 {
        return Some(Encoding::Utf16Le);
    }
    (even >= enough && even > odd * 8).then_some(Encoding::Utf16Be)
}

fn detect_by_decoding(sample: &[u8]) -> Detected {
    let candidates =
        [Encoding::Utf8, Encoding::Cp932, Encoding::EucJp].map(|encoding| (encoding, faults(encoding, sample)));
    let clean: Vec<Encoding> =
        candidates.iter().filter(|(_, faults)| *faults == 0).map(|(encoding, _)| *encoding).collect();
    match clean[..] {
        // Text in another encoding that happens to be valid UTF-8 is not met in practice.
        [Encoding::Utf8, ..] => Detected { encoding: Encoding::Utf8, confident: true, why: Why::ValidUtf8 },
        [only] => Detected { encoding: only, confident: true, why: Why::OnlyThisDecodes },
        [] => {
            let fewest =
                candidates.iter().min_by_key(|(_, faults)| *faults).map_or(Encoding::Utf8, |(encoding, _)| *encoding);
            Detected { encoding: fewest, confident: false, why: Why::FewestErrors }
        }
        _ => Detected { encoding: by_statistics(sample), confident: false, why: Why::Statistics },
    }
}

fn by_statistics(sample: &[u8]) -> Encoding {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(sample, false);
    let guess = detector.guess(Some(b"jp"), Utf8Detection::Deny);
    if guess == encoding_rs::EUC_JP { Encoding::EucJp } else { Encoding::Cp932 }
}

fn faults(encoding: Encoding, sample: &[u8]) -> usize {
    let mut decoder = encoding.table().new_decoder_without_bom_handling();
    let (mut rest, mut faults, mut out) = (sample, 0, [0_u8; 4096]);
    loop {
        let (result, read, _) = decoder.decode_to_utf8_without_replacement(rest, &mut out, false);
        rest = &rest[read..];
        match result {
            DecoderResult::InputEmpty => return faults,
            DecoderResult::OutputFull => {}
            DecoderResult::Malformed(..) => faults += 1,
        }
    }
}

/// Stands for bytes that the encoding does not have. It is no character (Unicode 23.7), so text cannot mean it.
pub(super) const UNDECODABLE: char = '\u{ffff}';

/// Turns a stream of any encoding into UTF-8, with [`UNDECODABLE`] for each sequence that is not of the encoding.
pub(super) struct Decoding<R> {
    from: R,
    decoder: Decoder,
    input: Box<[u8]>,
    start: usize,
    end: usize,
    finished: bool,
}

impl<R: Read> Decoding<R> {
    pub(super) fn new(from: R, encoding: Encoding) -> Self {
        let input = vec![0; 64 * 1024].into_boxed_slice();
        Self {
            from,
            decoder: encoding.table().new_decoder_with_bom_removal(),
            input,
            start: 0,
            end: 0,
            finished: false,
        }
    }

    fn refill(&mut self) -> io::Result<bool> {
        if self.start == self.end {
            (self.start, self.end) = (0, read_some(&mut self.from, &mut self.input)?);
        }
        Ok(self.start == self.end)
    }

    /// Fills `out` (at least 16 bytes) as far as one piece of input goes; 0 only at the end.
    pub(super) fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mut written = 0;
        while written == 0 && !self.finished {
            let last = self.refill()?;
            written = self.decode(last, out);
        }
        Ok(written)
    }

    fn decode(&mut self, last: bool, out: &mut [u8]) -> usize {
        let mut written = 0;
        loop {
            // Room is kept for the mark of one undecodable sequence.
            let room = out.len() - UNDECODABLE.len_utf8();
            if written + 4 > room {
                return written;
            }
            let input = &self.input[self.start..self.end];
            let (result, read, wrote) =
                self.decoder.decode_to_utf8_without_replacement(input, &mut out[written..room], last);
            self.start += read;
            written += wrote;
            match result {
                DecoderResult::InputEmpty => {
                    self.finished = last;
                    return written;
                }
                DecoderResult::OutputFull => return written,
                DecoderResult::Malformed(..) => written += UNDECODABLE.encode_utf8(&mut out[written..]).len(),
            }
        }
    }
}

/// As `read`, but an interrupted call is tried again.
pub(super) fn read_some(from: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match from.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// Encodes text for a test or an example; `None` when the encoding lacks one of its characters.
pub fn encode(text: &str, encoding: Encoding) -> Option<Vec<u8>> {
    match encoding {
        Encoding::Utf8 => Some(text.as_bytes().to_vec()),
        Encoding::Utf8Bom => Some([b"\xef\xbb\xbf", text.as_bytes()].concat()),
        Encoding::Utf16Le => Some(text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        Encoding::Utf16Be => Some(text.encode_utf16().flat_map(u16::to_be_bytes).collect()),
        _ => encode_legacy(text, encoding),
    }
}

fn encode_legacy(text: &str, encoding: Encoding) -> Option<Vec<u8>> {
    let mut encoder = encoding.table().new_encoder();
    let mut out = Vec::with_capacity(text.len() * 3 + 64);
    let (result, _, replaced) = encoder.encode_from_utf8_to_vec(text, &mut out, true);
    (result == CoderResult::InputEmpty && !replaced).then_some(out)
}
