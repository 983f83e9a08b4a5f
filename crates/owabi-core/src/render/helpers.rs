//! What templates may call besides `each`, `with`, `lookup`, `eq`, `ne`, `gt`, `gte`, `lt`, `lte`, `and`, `or`, `not` and `len`.
//!
//! | helper | gives |
//! |---|---|
//! | `{{date x}}`, `{{date x weekday=true}}` | a day in the notice's language |
//! | `{{date_range from to}}` | both days |
//! | `{{date_time x}}` | day and time, or the day alone when no time is known |
//! | `{{join list}}`, `{{join list sep="／"}}` | the texts of a list, `、` or `, ` between them |
//! | `(any_paid payments from to)` | whether one of the payments was paid from one day to another, both included |
//! | `{{#if x}}`, `{{#unless x}}` | as usual, but a missing value is an error |
//! | `{{#fill}}…{{/fill}}`, `{{#fill first="１．" rest="　　"}}` | the block as one paragraph, broken into lines in plain text |

use super::error::{failure, no_argument, no_such};
use super::{dates, fill};
use crate::notice::Language;
use crate::text::{Text, say};
use handlebars::{
    Context, Handlebars, Helper, HelperDef, HelperResult, JsonTruthy, Output, RenderContext, RenderError, Renderable,
    ScopedJson, StringOutput,
};
use jiff::civil::Date;
use serde_json::Value;

/// Every name that may stand first in a tag with arguments.
pub(super) const KNOWN: [&str; 22] = [
    "if",
    "unless",
    "each",
    "with",
    "lookup",
    "eq",
    "ne",
    "gt",
    "gte",
    "lt",
    "lte",
    "and",
    "or",
    "not",
    "len",
    "date",
    "date_range",
    "date_time",
    "join",
    "any_paid",
    "fill",
    "else",
];

/// Registers the helpers of a language; `wrapped` breaks filled paragraphs into lines, as plain text needs it.
pub(super) fn register(registry: &mut Handlebars<'static>, language: Language, wrapped: bool) {
    registry.register_helper("if", Box::new(Condition { name: "if", wanted: true }));
    registry.register_helper("unless", Box::new(Condition { name: "unless", wanted: false }));
    registry.register_helper("fill", Box::new(Fill { wrapped }));
    for (name, compute) in VALUES {
        registry.register_helper(name, Box::new(ValueHelper { name, compute, language }));
    }
    registry.unregister_helper("log");
    registry.unregister_helper("raw");
}

type Compute = fn(&Arguments<'_, '_>) -> Result<Value, RenderError>;

/// `and`, `or` and `not` replace the usual ones, which take a missing value for a false one.
const VALUES: [(&str, Compute); 8] = [
    ("date", date),
    ("date_range", date_range),
    ("date_time", date_time),
    ("join", join),
    ("any_paid", any_paid),
    ("and", |arguments| Ok(arguments.truths()?.into_iter().all(|truth| truth).into())),
    ("or", |arguments| Ok(arguments.truths()?.into_iter().any(|truth| truth).into())),
    ("not", |arguments| Ok((!arguments.value(0)?.is_truthy(false)).into())),
];

struct ValueHelper {
    name: &'static str,
    compute: Compute,
    language: Language,
}

impl HelperDef for ValueHelper {
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, RenderError> {
        (self.compute)(&Arguments { name: self.name, helper, language: self.language }).map(ScopedJson::Derived)
    }
}

struct Arguments<'a, 'rc> {
    name: &'static str,
    helper: &'a Helper<'rc>,
    language: Language,
}

impl Arguments<'_, '_> {
    fn value(&self, index: usize) -> Result<&Value, RenderError> {
        value(self.name, self.helper, index)
    }

    fn truths(&self) -> Result<Vec<bool>, RenderError> {
        (0..self.helper.params().len()).map(|index| Ok(self.value(index)?.is_truthy(false))).collect()
    }

    fn text(&self, index: usize) -> Result<&str, RenderError> {
        self.value(index)?.as_str().ok_or_else(|| self.wrong(index, &say!(ja: "文字列", en: "a text")))
    }

    fn day(&self, index: usize) -> Result<Date, RenderError> {
        dates::day(self.text(index)?)
            .ok_or_else(|| self.wrong(index, &say!(ja: "日付(2022-03-02 など)", en: "a day such as 2022-03-02")))
    }

    fn list(&self, index: usize) -> Result<&Vec<Value>, RenderError> {
        self.value(index)?.as_array().ok_or_else(|| self.wrong(index, &say!(ja: "リスト", en: "a list")))
    }

    fn wrong(&self, index: usize, Text { ja, en }: &Text) -> RenderError {
        let (helper, number) = (self.name, index + 1);
        failure(match self.helper.param(index).and_then(|param| param.relative_path()) {
            Some(name) => say!(
                ja: "「{helper}」の {number} 番目の引数には{ja}が要りますが、「{name}」はそうではありません。",
                en: "`{helper}` wants {en} as argument {number}, which `{name}` is not"
            ),
            None => say!(
                ja: "「{helper}」の {number} 番目の引数には{ja}を書いてください。",
                en: "`{helper}` wants {en} as argument {number}"
            ),
        })
    }
}

/// An argument that must be there, and lead to a value.
fn value<'a>(name: &str, helper: &'a Helper<'_>, index: usize) -> Result<&'a Value, RenderError> {
    let param = helper.param(index).ok_or_else(|| failure(no_argument(name, index)))?;
    match param.relative_path() {
        Some(path) if param.is_value_missing() => Err(failure(no_such(path))),
        None if param.is_value_missing() => Err(failure(no_argument(name, index))),
        _ => Ok(param.value()),
    }
}

fn date(arguments: &Arguments<'_, '_>) -> Result<Value, RenderError> {
    let weekday = arguments.helper.hash_get("weekday").is_some_and(|flag| flag.value() == &Value::Bool(true));
    Ok(dates::date(arguments.day(0)?, weekday, arguments.language).into())
}

fn date_range(arguments: &Arguments<'_, '_>) -> Result<Value, RenderError> {
    Ok(dates::range(arguments.day(0)?, arguments.day(1)?, arguments.language).into())
}

fn date_time(arguments: &Arguments<'_, '_>) -> Result<Value, RenderError> {
    match dates::moment(arguments.text(0)?) {
        Some(moment) => Ok(dates::date_time(moment, arguments.language).into()),
        None => date(arguments),
    }
}

fn join(arguments: &Arguments<'_, '_>) -> Result<Value, RenderError> {
    let usual = match arguments.language {
        Language::Ja => "、",
        Language::En => ", ",
    };
    let separator = arguments.helper.hash_get("sep").and_then(|sep| sep.value().as_str()).unwrap_or(usual);
    let texts: Option<Vec<&str>> = arguments.list(0)?.iter().map(Value::as_str).collect();
    texts
        .map(|texts| texts.join(separator).into())
        .ok_or_else(|| arguments.wrong(0, &say!(ja: "文字列のリスト", en: "a list of texts")))
}

fn any_paid(arguments: &Arguments<'_, '_>) -> Result<Value, RenderError> {
    let period = arguments.day(1)?..=arguments.day(2)?;
    let paid = |payment: &Value| payment.get("paid_at").and_then(Value::as_str).and_then(dates::day);
    let days: Option<Vec<Date>> = arguments.list(0)?.iter().map(paid).collect();
    let days = days.ok_or_else(|| arguments.wrong(0, &say!(ja: "支払いのリスト", en: "a list of payments")))?;
    Ok(days.iter().any(|day| period.contains(day)).into())
}

/// `if` and `unless` that do not take a missing value for a false one.
struct Condition {
    name: &'static str,
    wanted: bool,
}

impl HelperDef for Condition {
    fn call<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        registry: &'reg Handlebars<'reg>,
        context: &'rc Context,
        state: &mut RenderContext<'reg, 'rc>,
        out: &mut dyn Output,
    ) -> HelperResult {
        let is_true = value(self.name, helper, 0)?.is_truthy(false);
        let branch = if is_true == self.wanted { helper.template() } else { helper.inverse() };
        branch.map_or(Ok(()), |template| template.render(registry, context, state, out))
    }
}

/// One paragraph.
struct Fill {
    wrapped: bool,
}

impl HelperDef for Fill {
    fn call<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        registry: &'reg Handlebars<'reg>,
        context: &'rc Context,
        state: &mut RenderContext<'reg, 'rc>,
        out: &mut dyn Output,
    ) -> HelperResult {
        let mut block = StringOutput::new();
        let template = helper.template().ok_or_else(no_block)?;
        template.render(registry, context, state, &mut block)?;
        let line = fill::join_lines(&block.into_string()?);
        if !self.wrapped {
            return Ok(out.write(&line)?);
        }
        let lead = |key: &str| helper.hash_get(key).and_then(|text| text.value().as_str()).unwrap_or("");
        Ok(out.write(&fill::wrap(&line, fill::WIDTH, lead("first"), lead("rest")))?)
    }
}

fn no_block() -> RenderError {
    failure(say!(
        ja: "「fill」には囲む文章が要ります。{{{{#fill}}}}…{{{{/fill}}}} と書いてください。",
        en: "`fill` wants a block; write {{{{#fill}}}}…{{{{/fill}}}}"
    ))
}
