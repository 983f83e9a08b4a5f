//! The page for the site: every fact of the notice, and nothing of a member.

mod notice_support;

use notice_support::{SHIPPED, definition, read, renderer};
use owabi_core::guard::visible_text;
use owabi_core::render::WebPage;

fn source(id: &str) -> String {
    read(&format!("templates/notices/{id}/web.html.hbs"))
}

fn squeezed(text: &str) -> String {
    text.replace([' ', '　', '\n'], "")
}

#[test]
fn every_shipped_page_passes_the_guard_and_is_in_the_notices_language() {
    for id in SHIPPED {
        let definition = definition(id);
        let page = WebPage::render(&definition, &source(id)).unwrap();
        assert_eq!(page.problems, [], "{id}");
        let tag = definition.language.tag();
        assert!(page.html.contains(&format!("<html lang=\"{tag}\">")), "{id}");
        assert!(page.html.contains("@media print") && page.html.contains("width=device-width"), "{id}");
    }
}

#[test]
fn every_fact_that_a_letter_tells_stands_on_the_page() {
    for id in SHIPPED {
        let renderer = renderer(id);
        let all = renderer.samples().last().expect("a sample").clone();
        let letter = squeezed(&renderer.letter(&all).unwrap().text);
        let page = WebPage::render(&definition(id), &source(id)).unwrap();
        let page = squeezed(&visible_text(&page.html));
        for (path, fact) in renderer.definition().facts.texts() {
            let told = squeezed(fact);
            assert!(page.contains(&told) || !letter.contains(&told), "{id}: facts.{path}: {fact}");
        }
        let days = |text: &str| text.matches("年").count();
        assert!(id != "metaps-2022" || days(&page) >= 8, "the days of the notice");
    }
}

#[test]
fn a_template_that_names_a_member_is_no_page() {
    let definition = definition("metaps-2022");
    for tag in [
        "{{member.name}}",
        "{{#each member.cohorts}}{{/each}}",
        "{{#if member.in.course}}x{{/if}}",
        "{{@root.member.no}}",
        "{{#with member}}{{name}}{{/with}}",
        "{{lookup member \"name\"}}",
        "{{[member].name}}",
    ] {
        let error = WebPage::render(&definition, &format!("<p>{tag}</p>")).unwrap_err();
        assert!(error.to_string().contains("knows no member"), "{tag}: {error}");
    }
    assert!(WebPage::render(&definition, "{{name}}").is_err(), "strict");
}

#[test]
fn a_page_loads_nothing_and_leads_nowhere_else() {
    let definition = definition("metaps-2022");
    let good = source("metaps-2022");
    for bad in [
        "<img src=\"https://example.jp/pixel.gif\">",
        "<a href=\"https://example.jp/\">x</a>",
        "<form action=\"/\"><input></form>",
        "<script>1</script>",
        "<p>https://example.jp/</p>",
        "<style>p { background: url(x.png) }</style>",
    ] {
        let page = WebPage::render(&definition, &good.replace("</main>", &format!("{bad}</main>"))).unwrap();
        assert!(!page.problems.is_empty(), "{bad}");
    }
    let page = WebPage::render(&definition, &good.replace("{{facts.hotline.number}}", "0120-000-000")).unwrap();
    assert!(page.problems.len() > 1, "{:?}", page.problems);
}

#[test]
fn a_page_may_list_the_cohorts() {
    let page = WebPage::render(&definition("metaps-2022"), "{{#each cohorts}}<p>{{title}}</p>{{/each}}").unwrap();
    assert!(page.html.contains("野球指導者講習会 受講料"), "{}", page.html);
}
