//! DMARC of a From domain, and whether the bounce domain is aligned with it.

use super::unanswered;
use crate::cli::check::seen::Seen;
use crate::cli::exit::Exit;
use crate::cli::say::say;
use crate::sender::dmarc::{self, Policy, Trouble};
use crate::sender::dns::Dns;

const STEP: &str = "dmarc";

pub(super) async fn look(dns: &Dns, domain: &str, bounce: &str) -> Vec<Seen> {
    match dmarc::policy(dns, domain).await {
        Ok(policy) => {
            let is_approximate = dmarc::is_approximate(domain, bounce, policy.strict_spf);
            vec![published(&policy), alignment(domain, bounce, &policy).about(is_approximate)]
        }
        Err(Trouble::Dns(name, why)) => vec![unanswered(STEP, &name, &why)],
        Err(Trouble::None) => vec![Seen::warning(
            STEP,
            say!(ja: "{domain} に DMARC レコードがありません。", en: "{domain} has no DMARC record"),
            say!(
                ja: "まず _dmarc.{domain} に TXT レコード v=DMARC1; p=none を登録してください(報告を受けるなら rua=mailto:… も)。大量に送る差出人に、Gmail は DMARC を求めます。",
                en: "begin with a TXT record v=DMARC1; p=none at _dmarc.{domain} (with rua=mailto:… for reports); Gmail wants one of whoever sends in bulk"
            ),
        )],
        Err(trouble) => vec![Seen::failed(
            STEP,
            Exit::BadConfig,
            say!(ja: "{domain} の DMARC に誤りがあります: {trouble}", en: "{domain}: DMARC is wrong: {trouble}"),
            say!(ja: "レコードを一つにし、v=DMARC1 と p= を確かめてください。", en: "let there be one record, with v=DMARC1 and p="),
        )],
    }
}

fn published(policy: &Policy) -> Seen {
    let Policy { at, policy: word, reports, .. } = policy;
    let reports = reports.as_deref().unwrap_or("-");
    Seen::fine(
        STEP,
        say!(ja: "DMARC(_dmarc.{at}): p={word}、rua={reports}", en: "DMARC at _dmarc.{at}: p={word}, rua={reports}"),
    )
}

/// SPF counts for DMARC only when its domain is the From's.
fn alignment(domain: &str, bounce: &str, policy: &Policy) -> Seen {
    if dmarc::is_aligned(domain, bounce, policy.strict_spf, Some(policy)) {
        return Seen::fine(
            STEP,
            say!(
                ja: "DMARC: 不達通知用の {bounce} は差出人の {domain} と揃っています(SPF で通る)",
                en: "DMARC: the bounce domain {bounce} is aligned with {domain}, so SPF counts"
            ),
        );
    }
    let (what, next) = (
        say!(
            ja: "DMARC: 不達通知用の {bounce} は差出人の {domain} と揃っていません。DKIM の署名(d={domain})だけが頼りです。",
            en: "DMARC: the bounce domain {bounce} is not aligned with {domain}: only a DKIM signature with d={domain} counts"
        ),
        say!(
            ja: "中継サーバーが d={domain} で署名することを `owabi check --connect --test-mail` で確かめてください。",
            en: "see that the relay signs with d={domain}: `owabi check --connect --test-mail`"
        ),
    );
    Seen::warning(STEP, what, next)
}
