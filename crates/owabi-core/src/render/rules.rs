//! What is made of a notice before a template is rendered: registries, lint, paragraphs and the guard's rules.

use super::error::TemplateError;
use super::pieces::Pieces;
use super::{TEMPLATE_FILES, TemplateSources, helpers, lint};
use crate::guard::GuardRules;
use crate::notice::{Cohort, NoticeDefinition};
use handlebars::{Context, Handlebars};
use serde_json::Value;
use std::collections::BTreeSet;

/// A strict registry with the helpers: escaping and unwrapped for HTML, plain and wrapped for text.
pub(super) fn registry(definition: &NoticeDefinition, html: bool) -> Handlebars<'static> {
    let mut registry = Handlebars::new();
    registry.set_strict_mode(true);
    if !html {
        registry.register_escape_fn(handlebars::no_escape);
    }
    helpers::register(&mut registry, definition.language, !html);
    registry
}

/// Reads every template of the notice. Answers the roster fields that they name.
pub(super) fn lint_all(
    definition: &NoticeDefinition,
    sources: &TemplateSources,
    base: &Value,
) -> Result<BTreeSet<String>, TemplateError> {
    let [subject, text, html] = TEMPLATE_FILES;
    let mut fields = BTreeSet::new();
    for (file, source) in [(subject, &sources.subject), (text, &sources.text), (html, &sources.html)] {
        fields.append(&mut lint::read(file, source, base)?);
    }
    for (key, source) in paragraph_sources(definition) {
        lint::read(&key, source, base)?;
    }
    Ok(fields)
}

fn paragraph_sources(definition: &NoticeDefinition) -> impl Iterator<Item = (String, &str)> {
    let keyed = |cohort: &Cohort| format!("cohorts.{}.paragraph", cohort.id);
    definition.cohorts.iter().filter_map(move |cohort| Some((keyed(cohort), cohort.paragraph.as_deref()?)))
}

/// The cohorts' own paragraphs, in the notice's order.
pub(super) fn compile_paragraphs(definition: &NoticeDefinition) -> Result<Vec<Option<Pieces>>, TemplateError> {
    let compile = |cohort: &Cohort| {
        let key = format!("cohorts.{}.paragraph", cohort.id);
        cohort.paragraph.as_ref().map(|source| Pieces::whole(&key, source)).transpose()
    };
    definition.cohorts.iter().map(compile).collect()
}

/// The guard's phrases and URLs with facts put in, and the numbers and addresses that links may lead to.
pub(super) fn guard_rules(
    definition: &NoticeDefinition,
    registry: &Handlebars<'static>,
    base: &Value,
) -> Result<GuardRules, TemplateError> {
    let context = Context::from(base.clone());
    let resolve = |key: &str, list: &[String]| -> Result<Vec<String>, TemplateError> {
        let one = |(n, source): (usize, &String)| {
            let file = format!("{key}[{n}]");
            lint::read(&file, source, base)?;
            let mut text = String::new();
            Pieces::whole(&file, source)?.render(registry, &context, &mut text).map(|()| text)
        };
        list.iter().enumerate().map(one).collect()
    };
    let is_number = |text: &&str| text.bytes().filter(u8::is_ascii_digit).count() >= 6;
    Ok(GuardRules {
        required_phrases: resolve("required_phrases", &definition.required_phrases)?,
        allowed_urls: resolve("allowed_urls", &definition.allowed_urls)?,
        telephones: definition.facts.texts().into_iter().map(|(_, t)| t).filter(is_number).map(Into::into).collect(),
        addresses: vec![definition.from.address.clone(), definition.reply_to.address.clone()],
    })
}
