//! Synthetic members that together take every branch a member can cause.

use crate::member::{Member, Payment};
use crate::notice::{Cohort, NoticeDefinition};
use std::collections::BTreeSet;

/// Members without any cohort, of each cohort alone (with one payment, with several, with none) and of all cohorts.
pub(super) fn members(definition: &NoticeDefinition, fields: &BTreeSet<String>) -> Vec<Member> {
    let mut members = vec![member(&[], 0)];
    for cohort in &definition.cohorts {
        members.extend([0, 1, 3].map(|payments| member(&[cohort], payments)));
    }
    let all: Vec<&Cohort> = definition.cohorts.iter().collect();
    members.extend([0, 2].map(|payments| member(&all, payments)));
    for sample in &mut members {
        sample.fields = fields.iter().map(|field| (field.clone(), "見本".to_owned())).collect();
    }
    members
}

fn member(cohorts: &[&Cohort], payments: usize) -> Member {
    Member {
        member_no: "S-0001".into(),
        name: "見本 太郎".into(),
        email: None,
        cohorts: cohorts.iter().map(|cohort| cohort.id.clone()).collect(),
        payments: cohorts.iter().flat_map(|cohort| (0..payments).map(|n| payment(cohort, n))).collect(),
        fields: std::collections::BTreeMap::new(),
    }
}

fn payment(cohort: &Cohort, n: usize) -> Payment {
    let rule = cohort.rule.clone().unwrap_or_default();
    let day = [rule.paid_from, rule.paid_to][n % 2].map_or_else(|| "2021-10-14".to_owned(), |day| day.to_string());
    Payment {
        paid_at: if n == 0 { format!("{day}T09:30:00") } else { day },
        cohort: cohort.id.clone(),
        purpose: rule.purpose.first().unwrap_or(&cohort.title).clone(),
        method: rule.method.first().map_or("クレジットカード", String::as_str).to_owned(),
    }
}
