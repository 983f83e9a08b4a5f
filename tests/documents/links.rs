//! Every relative link leads somewhere.

use super::markdown::{Document, all, root};

/// The links whose file or heading is not there.
fn broken(document: &Document, others: &[Document]) -> Vec<String> {
    let links = document.links().into_iter();
    let relative = links.filter(|(_, link)| !link.contains("://") && !link.starts_with("mailto:"));
    let leads_nowhere = relative.filter(|(_, link)| !leads_somewhere(document, link, others));
    leads_nowhere.map(|(line, link)| format!("{}:{line}: {link} leads nowhere", document.path)).collect()
}

fn leads_somewhere(from: &Document, link: &str, others: &[Document]) -> bool {
    let (file, anchor) = link.split_once('#').map_or((link, None), |(file, anchor)| (file, Some(anchor)));
    let path = match file {
        "" => from.path.clone(),
        file => joined(&from.path, file),
    };
    let target = others.iter().chain([from]).find(|document| document.path == path);
    match anchor {
        Some(anchor) => target.is_some_and(|target| target.anchors().iter().any(|one| one == anchor)),
        None => target.is_some() || root().join(&path).exists(),
    }
}

/// `file` as seen from the folder of the document at `from`, from the root of the repository.
fn joined(from: &str, file: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in file.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[test]
fn every_relative_link_and_anchor_of_every_document_leads_somewhere() {
    let documents = all();
    let found: Vec<String> = documents.iter().flat_map(|document| broken(document, &documents)).collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn a_link_to_a_file_or_heading_that_is_not_there_is_found() {
    let document = Document::of(
        "docs/a.md",
        "# Here\n[1](#here) [2](#there) [3](b.md) [4](../README.md#nothing) [5](../README.md) [6](https://x.y/#z)\n",
    );
    let readme = Document::of("README.md", "# Top\n");
    assert_eq!(
        broken(&document, &[readme]),
        ["#there", "b.md", "../README.md#nothing"].map(|link| format!("docs/a.md:2: {link} leads nowhere"))
    );
}

#[test]
fn what_a_packaged_document_links_to_beside_it_is_packaged_too() {
    let manifest = std::fs::read_to_string(root().join("crates/owabi/Cargo.toml")).unwrap();
    let is_packaged = |path: &str| manifest.contains(&format!("[\"../../{path}\", \"usr/share/doc/owabi/\""));
    let documents = all();
    let packaged: Vec<&Document> = documents.iter().filter(|document| is_packaged(&document.path)).collect();
    let links = packaged.iter().flat_map(|document| document.links());
    let files = links.map(|(_, link)| link.split('#').next().unwrap().to_owned());
    let is_beside = |file: &str| !file.contains('/') && documents.iter().any(|document| document.path == file);
    let missing: Vec<String> = files.filter(|file| is_beside(file) && !is_packaged(file)).collect();
    assert!(packaged.len() > 4 && missing.is_empty(), "{missing:?}");
}
