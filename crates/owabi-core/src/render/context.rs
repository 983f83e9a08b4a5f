//! What templates see: `facts`, `notice` and `member`. Every value is there and none is null.

use super::error::RenderError;
use crate::member::{Member, Payment};
use crate::notice::NoticeDefinition;
use serde_json::{Map, Value, json};

/// The part that is the same for every member: `facts` as the notice has them, `notice.{id,title,language,from,reply_to,organisation}`.
pub(super) fn base(definition: &NoticeDefinition) -> Result<Value, serde_json::Error> {
    Ok(json!({
        "facts": serde_json::to_value(&definition.facts)?,
        "notice": {
            "id": definition.id,
            "title": definition.title,
            "language": definition.language.tag(),
            "from": definition.from.address,
            "reply_to": definition.reply_to.address,
            "organisation": definition.organisation.as_deref().unwrap_or(&definition.from.name),
        },
    }))
}

/// `member.{no,name,payments,fields,cohorts,in}`. `paragraph` gives the text of a cohort's own paragraph, by the cohort's index.
///
/// `cohorts` is a list of `{id,title,payments,paragraph}`, the paragraph empty where the notice has none; `in.<cohort>` is true or false
/// for every cohort of the notice.
pub(super) fn member(
    definition: &NoticeDefinition,
    member: &Member,
    mut paragraph: impl FnMut(usize, &Value) -> Result<String, RenderError>,
) -> Result<Value, RenderError> {
    let mut cohorts = Vec::with_capacity(member.cohorts.len());
    let mut inside: Map<String, Value> =
        definition.cohorts.iter().map(|c| (c.id.clone(), Value::Bool(false))).collect();
    for id in &member.cohorts {
        let index = definition.cohorts.iter().position(|cohort| cohort.id == *id);
        let index = index.ok_or_else(|| RenderError::UnknownCohort(id.clone()))?;
        let own = member.payments.iter().filter(|payment| payment.cohort == *id);
        let payments: Value = own.map(|payment| self::payment(definition, payment)).collect();
        let text = paragraph(index, &payments)?;
        let title = &definition.cohorts[index].title;
        cohorts.push(json!({ "id": id, "title": title, "payments": payments, "paragraph": text }));
        inside.insert(id.clone(), Value::Bool(true));
    }
    let payments: Value = member.payments.iter().map(|payment| self::payment(definition, payment)).collect();
    let fields: Map<String, Value> = member.fields.iter().map(|(k, v)| (k.clone(), v.as_str().into())).collect();
    Ok(json!({
        "no": member.member_no,
        "name": member.name,
        "cohorts": cohorts,
        "in": inside,
        "payments": payments,
        "fields": fields,
    }))
}

fn payment(definition: &NoticeDefinition, payment: &Payment) -> Value {
    let title = definition.cohort(&payment.cohort).map_or("", |cohort| cohort.title.as_str());
    json!({
        "purpose": payment.purpose,
        "method": payment.method,
        "paid_at": payment.paid_at,
        "cohort": payment.cohort,
        "cohort_title": title,
    })
}
