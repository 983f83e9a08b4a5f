//! The shipped notices and a few synthetic members.
#![allow(
    dead_code,
    clippy::allow_attributes,
    clippy::expect_used,
    clippy::panic,
    reason = "each test file uses a part"
)]

use owabi_core::member::{Member, Payment};
use owabi_core::notice::NoticeDefinition;
use owabi_core::render::{Renderer, Stamp, TemplateSources};
use std::path::PathBuf;

pub(crate) const SHIPPED: [&str; 3] = ["metaps-2022", "generic-breach", "generic-breach-ja"];
pub(crate) const STAMP: Stamp<'static> =
    Stamp { to: "ichiro@example.jp", message_id: "01900000.1@example.jp", dated_at_ms: 1_646_179_200_000 };

pub(crate) fn read(path: &str) -> String {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

pub(crate) fn definition(id: &str) -> NoticeDefinition {
    let file = format!("config/notices/{id}.yaml");
    NoticeDefinition::parse(&file, &read(&file)).unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) fn sources(id: &str) -> TemplateSources {
    let part = |name: &str| read(&format!("templates/notices/{id}/{name}.hbs"));
    TemplateSources { subject: part("subject.txt"), text: part("body.txt"), html: part("body.html") }
}

pub(crate) fn renderer(id: &str) -> Renderer {
    Renderer::compile(&definition(id), &sources(id)).unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) fn member(name: &str, payments: &[(&str, &str)]) -> Member {
    let purpose = |cohort: &str| match cohort {
        "registration" => "公認野球指導者資格 登録費",
        _ => "野球指導者講習会 受講料",
    };
    let payment = |(cohort, at): &(&str, &str)| Payment {
        paid_at: (*at).to_owned(),
        cohort: (*cohort).to_owned(),
        purpose: purpose(cohort).to_owned(),
        method: "クレジットカード".to_owned(),
    };
    let mut cohorts: Vec<String> = payments.iter().map(|(cohort, _)| (*cohort).to_owned()).collect();
    cohorts.dedup();
    Member {
        member_no: "10001".into(),
        name: name.into(),
        email: Some("ichiro@example.jp".into()),
        cohorts,
        payments: payments.iter().map(payment).collect(),
        ..Member::default()
    }
}

/// A minimal notice and a renderer of the given bodies.
pub(crate) fn small(text: &str, html: &str) -> Result<Renderer, owabi_core::render::TemplateError> {
    let yaml = "
id: small
title: A small notice
language: en
from: Small <a@example.jp>
reply_to: a@example.jp
facts:
  hotline: { number: 0120-816-620 }
  day: 2022-03-02
  list: [one, two]
  yes: true
cohorts: [{ id: a, title: A }, { id: b, title: B }]
";
    let definition = NoticeDefinition::parse("small.yaml", yaml).expect("a small notice");
    Renderer::compile(&definition, &TemplateSources { subject: "Subject".into(), text: text.into(), html: html.into() })
}
