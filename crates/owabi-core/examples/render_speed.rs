//! Prints what one mail of the first notice costs: `cargo run --release -p owabi-core --example render_speed [ROUNDS]`.

use owabi_core::member::{Member, Payment};
use owabi_core::notice::NoticeDefinition;
use owabi_core::render::{Renderer, Stamp, TemplateSources};
use std::error::Error;
use std::hint::black_box;

/// The best of many short rounds, because a busy machine can only make a round slower.
#[expect(clippy::disallowed_methods, reason = "a stopwatch needs the clock, and an example is not the product")]
fn micros(rounds: u32, mut run: impl FnMut(u32)) -> f64 {
    let mut best = f64::MAX;
    for _ in 0..rounds {
        let start = std::time::Instant::now();
        (0..50).for_each(&mut run);
        best = best.min(start.elapsed().as_secs_f64() * 1e6 / 50.0);
    }
    best
}

fn main() -> Result<(), Box<dyn Error>> {
    let rounds = std::env::args().nth(1).map_or(Ok(400), |text| text.parse())?;
    let definition =
        NoticeDefinition::parse("metaps-2022.yaml", include_str!("../../../config/notices/metaps-2022.yaml"))?;
    let sources = TemplateSources {
        subject: include_str!("../../../templates/notices/metaps-2022/subject.txt.hbs").into(),
        text: include_str!("../../../templates/notices/metaps-2022/body.txt.hbs").into(),
        html: include_str!("../../../templates/notices/metaps-2022/body.html.hbs").into(),
    };
    let renderer = Renderer::compile(&definition, &sources)?;
    let member = |n: u32| Member {
        member_no: format!("{n:05}"),
        name: "髙橋 一郎".into(),
        cohorts: vec!["registration".into()],
        payments: vec![Payment {
            paid_at: "2021-10-14T09:30:00".into(),
            cohort: "registration".into(),
            purpose: "公認野球指導者資格 登録費".into(),
            method: "クレジットカード".into(),
        }],
        ..Member::default()
    };
    let stamp = Stamp { to: "member@example.jp", message_id: "0190-abc@example.jp", dated_at_ms: 1_646_179_200_000 };
    let letter = renderer.letter(&member(1))?;
    let mail = renderer.mail(&member(1), &stamp)?;
    println!("text {} B, HTML {} B, mail {} B", letter.text.len(), letter.html.len(), mail.bytes.len());
    println!("letter        {:6.1} µs", micros(rounds, |n| drop(black_box(renderer.letter(&member(n))))));
    println!("facts guard   {:6.1} µs", micros(rounds, |_| drop(black_box(renderer.guard(&member(1), &letter)))));
    println!("a whole mail  {:6.1} µs", micros(rounds, |n| drop(black_box(renderer.mail(&member(n), &stamp)))));
    Ok(())
}
