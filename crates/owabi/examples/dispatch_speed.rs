//! `dispatch_speed CONFIG load N | run`: fills a queue, or drains it and prints one JSON line.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on fails")]

use owabi::config::{Config, Environment};
use owabi::dispatch::{self, Live, Options};
use owabi::library::Library;
use owabi_core::ids::Keys;
use owabi_core::member::Member;
use owabi_smtp::relay::Relay;
use owabi_store::{BatchRecord, NewRow, OpenOptions, ReleaseRecord, Store, Totals};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let config = Config::load(Some(arguments[1].as_ref()), &Environment::of([("PATH", "")])).unwrap();
    let store = Store::open(&OpenOptions::new(config.database.url.clone())).await.unwrap();
    let library = Arc::new(Library::load(&config));
    assert!(library.problems.iter().all(|p| p.warning), "{:?}", library.problems);
    let id = library.notices.keys().next().unwrap().clone();
    if arguments[2] == "load" {
        return load(&store, &library, &id, arguments[3].parse().unwrap()).await;
    }
    let relay = |relay: &owabi::config::Relay| Relay {
        messages_per_connection: relay.messages_per_connection,
        in_flight: relay.in_flight as usize,
        chunking: relay.chunking,
        ..Relay::new(relay.name.clone(), relay.host.clone(), relay.port())
    };
    let relays = config.smtp.relays.iter().map(relay).collect();
    let began = owabi::clock::monotonic();
    let keys = Keys::new(&[7; 32]).unwrap();
    let options = Options { until_idle: true };
    let summary = dispatch::run(
        &config,
        dispatch::Parts { relays, store, library, keys },
        options,
        Live::default(),
        CancellationToken::new(),
    );
    let summary = summary.await.unwrap();
    println!("{} {:.3}", serde_json::to_string(&summary).unwrap(), began.elapsed().as_secs_f64());
}

async fn load(store: &Store, library: &Library, id: &str, n: usize) {
    store.know_notice(id, "t", 1).await.unwrap();
    let batch = BatchRecord {
        id: "b".into(),
        notice_id: id.into(),
        actor: "b".into(),
        file_name: "b".into(),
        file_sha256: "b".into(),
        encoding: "b".into(),
        at: 1,
    };
    let mut import = store.begin_import(batch).await.unwrap();
    let rows: Vec<NewRow> = (0..n).map(row).collect();
    for chunk in rows.chunks(2000) {
        import.write(chunk, &[]).await.unwrap();
    }
    import.commit(Totals::default()).await.unwrap();
    let fingerprint = library.get(id).unwrap().renderer.fingerprint_hex();
    let record = ReleaseRecord { notice_id: id, fingerprint: &fingerprint, roster_hash: "r", definition: "{}" };
    store.release(record, "b", owabi::clock::now_ms()).await.unwrap();
    store.close().await;
}

fn row(n: usize) -> NewRow {
    let fields = [
        ("company", "株式会社山田製作所"),
        ("plan", "スタンダードプラン"),
        ("due_date", "2026年12月1日"),
        ("amount", "12,800"),
        ("agent", "佐藤 花子"),
    ];
    let mut fields: std::collections::BTreeMap<String, String> =
        fields.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    fields.insert("customer_no".into(), format!("C-{n}"));
    fields.insert("notice_no".into(), format!("N-2026-{n}"));
    let email = format!("u{n}@example.jp");
    let member = Member {
        member_no: format!("M{n}"),
        name: format!("山田 太郎{n}"),
        email: Some(email.clone()),
        fields,
        ..Member::default()
    };
    NewRow { member, given_email: email, unreachable: None }
}
