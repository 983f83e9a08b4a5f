//! What a Markdown file is made of, as far as the checks need it.

use std::path::{Path, PathBuf};

/// One document.
pub(super) struct Document {
    /// From the root of the repository.
    pub(super) path: String,
    pub(super) text: String,
}

/// A heading: its level and its words.
#[derive(Debug, PartialEq)]
pub(super) struct Heading {
    pub(super) level: usize,
    pub(super) words: String,
}

/// What stands between two fences.
pub(super) struct Block {
    /// Of its first line.
    pub(super) line: usize,
    pub(super) language: String,
    pub(super) text: String,
}

/// The root of the repository.
pub(super) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Every document of the repository.
pub(super) fn all() -> Vec<Document> {
    let mut paths = Vec::new();
    find(&root(), &["md"], &mut paths);
    paths.sort();
    let read = |path: PathBuf| Document {
        path: path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned(),
        text: std::fs::read_to_string(&path).unwrap(),
    };
    paths.into_iter().map(read).collect()
}

/// Every file below `folder` that ends so, but what was built.
pub(super) fn find(folder: &Path, endings: &[&str], into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !name.starts_with('.') && name != "target" {
            find(&path, endings, into);
        } else if path.extension().is_some_and(|ending| endings.iter().any(|one| ending == *one)) {
            into.push(path);
        }
    }
}

impl Document {
    #[cfg(test)]
    pub(super) fn of(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    /// Whether it is written in Japanese.
    pub(super) fn is_japanese(&self) -> bool {
        self.path.ends_with(".ja.md")
    }

    /// The lines with what stands between fences left empty, so that numbers stay.
    fn prose(&self) -> Vec<String> {
        let mut fenced = false;
        let outside = |line: &str| {
            let fence = line.trim_start().starts_with("```");
            let inside = fenced || fence;
            fenced ^= fence;
            if inside { String::new() } else { line.to_owned() }
        };
        self.text.lines().map(outside).collect()
    }

    pub(super) fn headings(&self) -> Vec<Heading> {
        let heading = |line: &String| {
            let level = line.bytes().take_while(|byte| *byte == b'#').count();
            let words = line[level..].strip_prefix(' ').filter(|_| level > 0)?;
            Some(Heading { level, words: words.trim().to_owned() })
        };
        self.prose().iter().filter_map(heading).collect()
    }

    /// The anchors that GitHub gives its headings.
    pub(super) fn anchors(&self) -> Vec<String> {
        let mut anchors: Vec<String> = Vec::new();
        for heading in self.headings() {
            let slug = slug(&heading.words);
            let (mut anchor, mut again) = (slug.clone(), 0);
            while anchors.contains(&anchor) {
                again += 1;
                anchor = format!("{slug}-{again}");
            }
            anchors.push(anchor);
        }
        anchors
    }

    pub(super) fn blocks(&self) -> Vec<Block> {
        let (mut blocks, mut open): (Vec<Block>, Option<(usize, Block)>) = (Vec::new(), None);
        for (number, line) in self.text.lines().enumerate() {
            let (indent, fence) = (line.len() - line.trim_start().len(), line.trim_start().strip_prefix("```"));
            match (open.take(), fence) {
                (Some((_, block)), Some(_)) => blocks.push(block),
                (None, Some(language)) => {
                    let block = Block { line: number + 2, language: language.to_owned(), text: String::new() };
                    open = Some((indent, block));
                }
                (Some((outer, mut block)), None) => {
                    block.text += line.get(outer.min(indent)..).unwrap_or("");
                    block.text.push('\n');
                    open = Some((outer, block));
                }
                (None, None) => {}
            }
        }
        blocks
    }

    /// What stands in backticks outside of blocks, with its line.
    pub(super) fn code(&self) -> Vec<(usize, String)> {
        let mut found = Vec::new();
        for (number, paragraph) in self.paragraphs() {
            let mut parts = paragraph.split('`');
            let mut line = number + parts.next().unwrap_or("").matches('\n').count();
            while let (Some(code), Some(after)) = (parts.next(), parts.next()) {
                found.push((line, code.replace("\\|", "|").replace('\n', " ")));
                line += code.matches('\n').count() + after.matches('\n').count();
            }
        }
        found
    }

    /// Runs of lines that no empty line breaks; a row of a table is one by itself.
    fn paragraphs(&self) -> Vec<(usize, String)> {
        let mut found: Vec<(usize, String)> = Vec::new();
        let mut goes_on = false;
        for (number, line) in self.prose().into_iter().enumerate() {
            let is_row = line.starts_with('|');
            match found.last_mut().filter(|_| goes_on && !is_row) {
                Some((_, paragraph)) => paragraph.extend(["\n", line.as_str()]),
                None => found.push((number + 1, line.clone())),
            }
            goes_on = !is_row && !line.trim().is_empty();
        }
        found
    }

    /// The targets of its links and images, with their lines.
    pub(super) fn links(&self) -> Vec<(usize, String)> {
        let mut found = Vec::new();
        for (number, line) in self.prose().iter().enumerate() {
            let without_code: String =
                line.split('`').enumerate().map(|(n, part)| if n % 2 == 0 { part } else { "" }).collect();
            for rest in without_code.split("](").skip(1) {
                found.push((number + 1, rest.split([')', ' ']).next().unwrap().to_owned()));
            }
        }
        found
    }

    /// Its tables: the cells of their rows, the rule below the head left out.
    pub(super) fn tables(&self) -> Vec<Vec<Vec<String>>> {
        let mut tables: Vec<Vec<Vec<String>>> = Vec::new();
        let mut goes_on = false;
        for line in self.prose() {
            let row = line.trim().strip_prefix('|').and_then(|row| row.strip_suffix('|'));
            if let Some(row) = row {
                let marked = row.replace("\\|", "\u{0}");
                let cells: Vec<_> = marked.split('|').map(|cell| cell.trim().replace('\u{0}', "|")).collect();
                match tables.last_mut().filter(|_| goes_on) {
                    Some(table) => table.push(cells),
                    None => tables.push(vec![cells]),
                }
            }
            goes_on = row.is_some();
        }
        let is_rule =
            |row: &Vec<String>| row.iter().all(|cell| cell.contains('-') && cell.chars().all(|c| "-: ".contains(c)));
        for table in &mut tables {
            table.retain(|row| !is_rule(row));
        }
        tables
    }
}

/// As GitHub makes it: lower case, punctuation left out, blanks as hyphens.
fn slug(words: &str) -> String {
    let kept =
        words.to_lowercase().chars().filter(|c| c.is_alphanumeric() || "-_ ー々".contains(*c)).collect::<String>();
    kept.replace(' ', "-")
}

#[test]
fn a_document_is_taken_apart() {
    let text = "# One `two`\n\n```sh\nowabi run # `no`\n```\n\nsee [x](a.md#b) and `code\nover lines`\n\n- # no\n# One two\n\n   ```sh\n   ls\n   ```\n| a | b |\n|---|:--|\n| `c \\| d` | e |\n";
    let document = Document::of("a.md", text);
    assert_eq!(document.anchors(), ["one-two", "one-two-1"]);
    assert_eq!(document.links(), [(7, "a.md#b".to_owned())]);
    let code: Vec<_> = document.code().into_iter().map(|(line, code)| format!("{line} {code}")).collect();
    assert_eq!(code, ["1 two", "7 code over lines", "18 c | d"]);
    let blocks: Vec<_> = document.blocks().into_iter().map(|block| (block.line, block.text)).collect();
    assert_eq!(blocks, [(4, "owabi run # `no`\n".to_owned()), (14, "ls\n".to_owned())]);
    assert_eq!(document.tables(), [[["a", "b"], ["`c | d`", "e"]]]);
}
