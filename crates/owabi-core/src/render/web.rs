//! A notice as a page for the association's site: the same facts, and nobody's name.

use super::error::TemplateError;
use super::pieces::Pieces;
use super::{context, lint, rules};
use crate::guard::{Guard, GuardProblem};
use crate::notice::NoticeDefinition;
use handlebars::Context;
use serde_json::json;

/// The name of the page's template file beside the mail's.
pub const WEB_TEMPLATE: &str = "web.html.hbs";

/// A page that is the same for everybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebPage {
    /// The whole page.
    pub html: String,
    /// Every reason why the facts guard would not let it be shown.
    pub problems: Vec<GuardProblem>,
}

impl WebPage {
    /// Renders the page from its template. The template sees `facts`, `notice` and `cohorts` (a list of `{id,title}`), and no member.
    ///
    /// # Errors
    /// The first mistake of the template, with file and line; one that names a member is one.
    pub fn render(definition: &NoticeDefinition, source: &str) -> Result<Self, TemplateError> {
        let mut base = context::base(definition).map_err(|error| TemplateError::of_notice(&error))?;
        let (plain, escaped) = (rules::registry(definition, false), rules::registry(definition, true));
        let guard = Guard::new(&rules::guard_rules(definition, &plain, &base)?);
        let cohorts = definition.cohorts.iter().map(|cohort| json!({ "id": cohort.id, "title": cohort.title }));
        base["cohorts"] = cohorts.collect();
        base[lint::FOR_EVERYBODY] = true.into();
        lint::read(WEB_TEMPLATE, source, &base)?;
        let mut html = String::new();
        Pieces::whole(WEB_TEMPLATE, source)?.render(&escaped, &Context::from(base), &mut html)?;
        Ok(Self { problems: guard.check_page(&html), html })
    }
}
