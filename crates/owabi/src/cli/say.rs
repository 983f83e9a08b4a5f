//! What people read, in both languages side by side.

use owabi_core::address::Lang;

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
        match lang {
            Lang::Ja => &self.ja,
            Lang::En => &self.en,
        }
    }

    /// What reads the same in both languages.
    pub(crate) fn same(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { ja: text.clone(), en: text }
    }

    /// The text with a mark before it.
    pub(crate) fn led_by(&self, ja: &str, en: &str) -> Self {
        Self { ja: format!("{ja} {}", self.ja), en: format!("{en} {}", self.en) }
    }
}

/// A [`Text`] from two formats: `say!(ja: "{n} 件", en: "{n} rows")`.
macro_rules! say {
    (ja: $ja:literal, en: $en:literal $(,)?) => {
        $crate::cli::say::Text { ja: format!($ja), en: format!($en) }
    };
}
pub(crate) use say;
