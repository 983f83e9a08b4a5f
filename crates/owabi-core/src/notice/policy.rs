use crate::text::say;
use crate::yaml::{Span, both};
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// How a notice is released and sent. Every key may be left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// How many approvers must agree before a release: 0, 1 or 2. Default 1. 0, for trials, releases without anybody's approval.
    pub approvals_required: u8,
    /// What becomes of a mail whose outcome no evidence settles. Default: sent again after an hour.
    pub in_doubt: InDoubt,
    /// Whether relays that offer DSN are asked to report deliveries too (NOTIFY=SUCCESS), not only failures and delays: one
    /// notification a mail. `None`: as `smtp.notify_success` says.
    pub notify_success: Option<bool>,
    /// When mails may leave, Japan time; `None` is round the clock.
    pub window: Option<Window>,
    /// How many mails go out before a pause for a look at them; 0 sends without one.
    pub canary: u32,
    /// When failures pause the notice; `None` (`breaker: off`) never does.
    #[serde(deserialize_with = "breaker_or_off")]
    pub breaker: Option<Breaker>,
}

impl Default for Policy {
    fn default() -> Self {
        let in_doubt = InDoubt::ResendAfter(Span::hours(1));
        Self {
            approvals_required: 1,
            in_doubt,
            notify_success: None,
            window: None,
            canary: 0,
            breaker: Some(Breaker::default()),
        }
    }
}

/// What becomes of a mail that may or may not have been accepted. YAML: `hold` or `{ resend_after: 1h }`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum InDoubt {
    /// Sent again after this long, flagged as a possible duplicate.
    ResendAfter(Span),
    /// Kept for a person to decide.
    Hold,
}

impl<'de> Deserialize<'de> for InDoubt {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Fields {
            resend_after: Span,
        }
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = InDoubt;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&both(&say!(
                    ja: "hold か {{ resend_after: 1h }} ",
                    en: "`hold` or `{{ resend_after: 1h }}`"
                )))
            }

            fn visit_str<E: de::Error>(self, word: &str) -> Result<InDoubt, E> {
                match word {
                    "hold" => Ok(InDoubt::Hold),
                    other => Err(E::invalid_value(de::Unexpected::Str(other), &self)),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<InDoubt, A::Error> {
                let fields = Fields::deserialize(de::value::MapAccessDeserializer::new(map))?;
                Ok(InDoubt::ResendAfter(fields.resend_after))
            }
        }
        from.deserialize_any(Either)
    }
}

/// Hours in which mails may leave, Japan time, `09:00-21:00`: from the first minute, up to but without the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Minutes after midnight.
    pub opens: u16,
    /// Minutes after midnight, later than `opens`, at most 1440.
    pub closes: u16,
}

impl Window {
    /// Whether a mail may leave at this minute of the day in Japan.
    pub fn contains(self, minute_of_day: u16) -> bool {
        (self.opens..self.closes).contains(&minute_of_day)
    }

    fn parse(text: &str) -> Option<Self> {
        let (from, to) = text.split_once('-')?;
        let (opens, closes) = (minutes(from.trim())?, minutes(to.trim())?);
        (opens < closes).then_some(Self { opens, closes })
    }
}

fn minutes(clock: &str) -> Option<u16> {
    let (hours, minutes) = clock.split_once(':')?;
    let two_digits = |part: &str| part.len() <= 2 && !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let valid = two_digits(hours) && two_digits(minutes) && minutes.len() == 2;
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    (valid && minutes < 60 && hours * 60 + minutes <= 1_440).then_some(hours * 60 + minutes)
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (a, b) = (self.opens, self.closes);
        write!(f, "{:02}:{:02}-{:02}:{:02}", a / 60, a % 60, b / 60, b % 60)
    }
}

impl Serialize for Window {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Window {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let wrong = || {
            say!(
                ja: "「{text}」は時間帯ではありません。同じ日の二つの時刻を 09:00-21:00 のように書いてください。",
                en: "`{text}` is not a window; write two times of one day, such as 09:00-21:00"
            )
        };
        Self::parse(&text).ok_or_else(|| de::Error::custom(both(&wrong())))
    }
}

/// When failures pause a notice.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Breaker {
    /// The share of failed mails, above 0 and at most 1, at which the notice pauses. Default 0.2.
    pub failure_share: f64,
    /// How many mails must have an outcome before the share counts. Default 50.
    pub after: u32,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { failure_share: 0.2, after: 50 }
    }
}

fn breaker_or_off<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Breaker>, D::Error> {
    struct Either;
    impl<'de> Visitor<'de> for Either {
        type Value = Option<Breaker>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(&both(&say!(
                ja: "off か {{ failure_share: 0.2, after: 50 }} ",
                en: "`off` or `{{ failure_share: 0.2, after: 50 }}`"
            )))
        }

        fn visit_bool<E: de::Error>(self, on: bool) -> Result<Self::Value, E> {
            Ok(on.then(Breaker::default))
        }

        fn visit_str<E: de::Error>(self, word: &str) -> Result<Self::Value, E> {
            match word {
                "off" => Ok(None),
                "on" => Ok(Some(Breaker::default())),
                other => Err(E::invalid_value(de::Unexpected::Str(other), &self)),
            }
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
            Breaker::deserialize(de::value::MapAccessDeserializer::new(map)).map(Some)
        }
    }
    from.deserialize_any(Either)
}
