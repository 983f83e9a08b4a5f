use crate::guard::GuardProblem;
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
    /// What is wrong, in English.
    pub message: String,
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.message),
            line => write!(f, "{}:{line}:{}: {}", self.file, self.column, self.message),
        }
    }
}

impl std::error::Error for TemplateError {}

impl TemplateError {
    pub(super) fn new(file: &str, message: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line: 0, column: 0, message: message.into() }
    }

    /// A mistake at a byte offset of the source.
    pub(super) fn at(file: &str, source: &str, offset: usize, message: impl Into<String>) -> Self {
        let before = &source[..offset];
        let line_start = before.rfind('\n').map_or(0, |n| n + 1);
        let (line, column) = (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1);
        Self { line, column, ..Self::new(file, message) }
    }

    pub(super) fn parsing(file: &str, error: &handlebars::TemplateError) -> Self {
        let (line, column) = error.pos().unwrap_or((0, 0));
        Self { line, column, ..Self::new(file, error.reason().to_string()) }
    }

    pub(super) fn rendering(file: &str, error: &handlebars::RenderError) -> Self {
        let message = match error.reason() {
            handlebars::RenderErrorReason::MissingVariable(Some(name)) => format!("there is no `{name}`"),
            reason => reason.to_string(),
        };
        let (line, column) = (error.line_no.unwrap_or(0), error.column_no.unwrap_or(0));
        Self { line, column, ..Self::new(file, message) }
    }
}

/// Why a mail could not be written for one member. No variant's text holds a name or an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// A template met a value that is missing or of the wrong kind.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The member is in a cohort that the notice does not have.
    #[error("the notice has no cohort `{0}`")]
    UnknownCohort(String),
    /// A line end, NUL or other control character would have reached a header.
    #[error("{field} holds a control character, which may not reach a header")]
    HeaderInjection {
        /// The field: `name`, `to`, `message_id`, `subject`, `from` or `reply_to`.
        field: &'static str,
    },
    /// An address or Message-ID is not of the form that a header needs.
    #[error("{field} is not fit for a header")]
    HeaderForm {
        /// The field: `to` or `message_id`.
        field: &'static str,
    },
    /// The time is outside the calendar.
    #[error("{0} is not a time in milliseconds since 1970")]
    Date(i64),
    /// The facts guard refused the letter.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Guard(Vec<GuardProblem>),
}
