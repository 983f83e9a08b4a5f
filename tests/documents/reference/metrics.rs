//! `metrics.md`, from the one list of the families of `GET /metrics`.

use super::cell;
use owabi::health::metrics::{FAMILIES, Kind};
use std::fmt::Write as _;

const HEAD: &str = "\
# Reference: metrics

`health.listen` を設定すると、`GET /metrics` が Prometheus のテキスト形式(求めれば OpenMetrics)で返す項目です。会員の情報は含みません。アラートの例は `deploy/prometheus/alerts.yml`、Grafana の画面は `deploy/grafana/owabi.json` にあります。

What `GET /metrics` answers, where `health.listen` is set: Prometheus's text format, or OpenMetrics where it is asked for. No member and no word of a relay is in it. Alerts are in
`deploy/prometheus/alerts.yml`, a dashboard for Grafana in `deploy/grafana/owabi.json`.

| family | kind | labels | meaning |
|---|---|---|---|
";

pub(super) fn page() -> String {
    let mut page = HEAD.to_owned();
    for family in &FAMILIES {
        let kind = match family.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let labels: Vec<String> = family.labels.iter().map(|label| format!("`{label}`")).collect();
        let _ = writeln!(page, "| `{}` | {kind} | {} | {} |", family.name, labels.join(", "), cell(family.help));
    }
    page
}
