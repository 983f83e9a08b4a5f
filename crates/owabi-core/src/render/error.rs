use crate::guard::GuardProblem;
use crate::text::{Text, say};
use handlebars::{RenderErrorReason, TemplateErrorReason};
use std::fmt;

/// A mistake in a template, found when it was compiled or when a sample was rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateError {
    /// The template's file, `body.txt.hbs`, or the notice's key for a template inside the notice, `cohorts.course.paragraph`.
    pub file: String,
    /// Line from 1; 0 when it is not known.
    pub line: usize,
    /// Column from 1; 0 when it is not known.
    pub column: usize,
    /// What is wrong, and what to do.
    pub message: Text,
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text().en)
    }
}

impl std::error::Error for TemplateError {}

impl TemplateError {
    pub(super) fn new(file: &str, message: Text) -> Self {
        Self { file: file.to_owned(), line: 0, column: 0, message }
    }

    /// The notice itself cannot be handed to templates.
    pub(super) fn of_notice(error: &serde_json::Error) -> Self {
        Self::new("notice", say!(ja: "お知らせをテンプレートに渡せません({error})。", en: "{error}"))
    }

    /// A mistake at a byte offset of the source.
    pub(super) fn at(file: &str, source: &str, offset: usize, message: Text) -> Self {
        let before = &source[..offset];
        let line_start = before.rfind('\n').map_or(0, |n| n + 1);
        let (line, column) = (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1);
        Self { line, column, ..Self::new(file, message) }
    }

    pub(super) fn parsing(file: &str, error: &handlebars::TemplateError) -> Self {
        let (line, column) = error.pos().unwrap_or((0, 0));
        Self { line, column, ..Self::new(file, of_syntax(error.reason())) }
    }

    pub(super) fn rendering(file: &str, error: &handlebars::RenderError) -> Self {
        let (line, column) = (error.line_no.unwrap_or(0), error.column_no.unwrap_or(0));
        Self { line, column, ..Self::new(file, of_rendering(error.reason())) }
    }

    /// The mistake with its place: `body.txt.hbs:2:3: …`.
    pub fn text(&self) -> Text {
        let Self { file, line, column, message } = self;
        if *line == 0 { message.at(file) } else { message.at(&format!("{file}:{line}:{column}")) }
    }
}

/// What one of our helpers says, as handlebars carries it.
#[derive(Debug)]
struct Helpers(Text);

impl fmt::Display for Helpers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.en)
    }
}

impl std::error::Error for Helpers {}

/// A helper's refusal.
pub(super) fn failure(text: Text) -> handlebars::RenderError {
    RenderErrorReason::NestedError(Box::new(Helpers(text))).into()
}

/// What handlebars says of a template's form; what is not known is shown as it is.
fn of_syntax(reason: &TemplateErrorReason) -> Text {
    match reason {
        TemplateErrorReason::MismatchingClosedHelper(open, close)
        | TemplateErrorReason::MismatchingClosedDecorator(open, close) => say!(
            ja: "「{open}」が開いていますが、「{close}」で閉じています。開いたものを閉じてください。",
            en: "`{open}` is open, but `{close}` closes it; close what was opened"
        ),
        TemplateErrorReason::InvalidParam(param) => say!(
            ja: "「{param}」は引数として読めません。書き方を直してください。",
            en: "`{param}` is no argument; correct it"
        ),
        other => say!(
            ja: "テンプレートとして読めません({other})。波かっこ、引用符、{{{{#if}}}} などの囲みが閉じているかを確かめてください。",
            en: "{other}; see whether all braces, quotes and blocks such as {{{{#if}}}} are closed"
        ),
    }
}

/// What handlebars, or one of our helpers, says of a value; what is not known is shown as it is.
fn of_rendering(reason: &RenderErrorReason) -> Text {
    match reason {
        RenderErrorReason::MissingVariable(Some(name)) => no_such(name),
        RenderErrorReason::HelperNotFound(name) => no_helper(name),
        RenderErrorReason::ParamNotFoundForIndex(helper, index) => no_argument(helper, *index),
        RenderErrorReason::NestedError(error) => {
            error.downcast_ref::<Helpers>().map_or_else(|| of_another(reason), |Helpers(text)| text.clone())
        }
        other => of_another(other),
    }
}

fn of_another(reason: &RenderErrorReason) -> Text {
    say!(ja: "テンプレートから文面を作れません({reason})。", en: "{reason}")
}

/// A name that leads to no value.
pub(super) fn no_such(name: &str) -> Text {
    say!(
        ja: "「{name}」という値はありません。名前を直すか、お知らせか名簿に加えてください。",
        en: "there is no `{name}`; correct the name, or add it to the notice or the roster"
    )
}

/// A name that is called and is no helper.
pub(super) fn no_helper(name: &str) -> Text {
    say!(
        ja: "「{name}」というヘルパーはありません。名前を直してください。",
        en: "there is no helper `{name}`; correct the name"
    )
}

/// An argument, counted from 0, that a helper needs and does not get.
pub(super) fn no_argument(helper: &str, index: usize) -> Text {
    let number = index + 1;
    say!(
        ja: "「{helper}」の {number} 番目の引数がありません。書き足してください。",
        en: "`{helper}` wants an argument {number}; write it"
    )
}

/// Why a mail could not be written for one member. No variant's text holds a name or an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RenderError {
    /// A template met a value that is missing or of the wrong kind.
    Template(TemplateError),
    /// The member is in a cohort that the notice does not have.
    UnknownCohort(String),
    /// A line end, NUL or other control character would have reached a header.
    HeaderInjection {
        /// The field: `name`, `to`, `message_id`, `subject`, `from` or `reply_to`.
        field: &'static str,
    },
    /// An address or Message-ID is not of the form that a header needs.
    HeaderForm {
        /// The field: `to` or `message_id`.
        field: &'static str,
    },
    /// The time is outside the calendar.
    Date(i64),
    /// The facts guard refused the letter.
    Guard(Vec<GuardProblem>),
}

impl fmt::Display for RenderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text().en)
    }
}

impl std::error::Error for RenderError {}

impl From<TemplateError> for RenderError {
    fn from(error: TemplateError) -> Self {
        Self::Template(error)
    }
}

impl RenderError {
    /// Why, in both languages.
    pub fn text(&self) -> Text {
        match self {
            Self::Template(error) => error.text(),
            Self::UnknownCohort(id) => say!(
                ja: "「{id}」というグループ(cohorts)はお知らせにありません。",
                en: "the notice has no cohort `{id}`"
            ),
            Self::HeaderInjection { field } => {
                let ja = in_japanese(field);
                say!(
                    ja: "{ja}に制御文字があり、メールのヘッダーに書けません。",
                    en: "{field} holds a control character, which may not reach a header"
                )
            }
            Self::HeaderForm { field } => {
                let ja = in_japanese(field);
                say!(ja: "{ja}はメールのヘッダーに書けない形です。", en: "{field} is not fit for a header")
            }
            Self::Date(millis) => say!(
                ja: "{millis} は、1970 年からのミリ秒で表した日時ではありません。",
                en: "{millis} is not a time in milliseconds since 1970"
            ),
            Self::Guard(problems) => {
                Text::joined(&problems.iter().map(GuardProblem::text).collect::<Vec<_>>(), " ", "; ")
            }
        }
    }
}

/// A header field as people call it.
fn in_japanese(field: &str) -> &str {
    match field {
        "name" => "氏名",
        "to" => "宛先",
        "subject" => "件名",
        "from" => "差出人(from)",
        "reply_to" => "返信先(reply_to)",
        "message_id" => "Message-ID",
        other => other,
    }
}
