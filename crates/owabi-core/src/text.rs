//! What people read, in both languages side by side.

use crate::address::Lang;

/// One text in Japanese and in English.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    /// Japanese.
    pub ja: String,
    /// English.
    pub en: String,
}

impl Text {
    /// The text in one language.
    pub fn of(&self, lang: Lang) -> &str {
        lang.of(&self.ja, &self.en)
    }

    /// What reads the same in both languages.
    pub fn same(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { ja: text.clone(), en: text }
    }

    /// The text with a mark before it.
    #[must_use]
    pub fn led_by(&self, ja: &str, en: &str) -> Self {
        Self { ja: format!("{ja} {}", self.ja), en: format!("{en} {}", self.en) }
    }

    /// The text after the place that it is about: a file, a key, a line.
    #[must_use]
    pub fn at(&self, place: &str) -> Self {
        Self { ja: format!("{place}: {}", self.ja), en: format!("{place}: {}", self.en) }
    }

    /// Several texts in a row, each language's with its own mark between them.
    pub fn joined(texts: &[Self], ja: &str, en: &str) -> Self {
        let of = |lang, mark: &str| texts.iter().map(|text| text.of(lang)).collect::<Vec<_>>().join(mark);
        Self { ja: of(Lang::Ja, ja), en: of(Lang::En, en) }
    }
}

/// A [`Text`] from two formats: `say!(ja: "{n} 件", en: "{n} rows")`.
#[macro_export]
macro_rules! say {
    (ja: $ja:literal, en: $en:literal $(,)?) => {
        $crate::text::Text { ja: format!($ja), en: format!($en) }
    };
}
pub use crate::say;
