//! The commands of a shell's text: words, quotation marks, comments, and where one command ends. No expansion.

use std::iter::Peekable;
use std::str::Chars;

/// The words of each command.
pub(super) fn commands(text: &str) -> Vec<Vec<String>> {
    let mut reader =
        Reader { rest: text.chars().peekable(), commands: vec![Vec::new()], word: None, skips_word: false };
    reader.read();
    reader.commands.retain(|words| !words.is_empty());
    reader.commands
}

/// The arguments of those commands that call owabi, `owabi` first.
pub(super) fn owabi(text: &str) -> Vec<Vec<String>> {
    commands(text).into_iter().filter_map(|words| called(&words)).collect()
}

/// What follows `sudo -u owabi`, an assignment, a path.
fn called(words: &[String]) -> Option<Vec<String>> {
    let (first, rest) = words.split_first()?;
    let is_assignment =
        first.split_once('=').is_some_and(|(name, _)| name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'));
    match first.as_str() {
        "sudo" => called(rest.strip_prefix(&["-u".to_owned(), "owabi".to_owned()]).unwrap_or(rest)),
        "exec" | "time" | "!" | "then" | "do" | "if" => called(rest),
        _ if is_assignment => called(rest),
        program if program == "owabi" || program.ends_with("/owabi") => {
            Some([vec!["owabi".to_owned()], rest.to_vec()].concat())
        }
        _ => None,
    }
}

struct Reader<'a> {
    rest: Peekable<Chars<'a>>,
    commands: Vec<Vec<String>>,
    word: Option<String>,
    /// The next word is the file of a redirection.
    skips_word: bool,
}

impl Reader<'_> {
    fn read(&mut self) {
        while let Some(c) = self.rest.next() {
            match c {
                '\\' => match self.rest.next() {
                    Some('\n') | None => {}
                    Some(c) => self.put(c),
                },
                '\'' => self.quoted('\''),
                '"' => self.quoted('"'),
                '$' if self.rest.peek() == Some(&'(') => self.substituted(),
                '#' if self.word.is_none() => while self.rest.next_if(|c| *c != '\n').is_some() {},
                '<' | '>' => self.redirected(c),
                '\n' | ';' | '|' | '&' | '(' | ')' => self.end_command(),
                c if c.is_whitespace() => self.end_word(),
                c => self.put(c),
            }
        }
        self.end_word();
    }

    fn put(&mut self, c: char) {
        self.word.get_or_insert_default().push(c);
    }

    fn quoted(&mut self, mark: char) {
        self.word.get_or_insert_default();
        while let Some(c) = self.rest.next_if(|c| *c != mark) {
            self.put(c);
        }
        self.rest.next();
    }

    /// `$(…)` is a word; the command in it is one, too.
    fn substituted(&mut self) {
        self.rest.next();
        let mut inside = String::new();
        while let Some(c) = self.rest.next_if(|c| *c != ')') {
            inside.push(c);
        }
        self.rest.next();
        self.word.get_or_insert_default().push_str("substituted");
        let own = self.commands.pop().unwrap_or_default();
        self.commands.extend(commands(&inside));
        self.commands.push(own);
    }

    /// A redirection belongs to no word, nor does the text of a here-document.
    fn redirected(&mut self, c: char) {
        if self.word.as_ref().is_some_and(|word| word.bytes().all(|byte| byte.is_ascii_digit())) {
            self.word = None;
        }
        self.end_word();
        if c == '<' && self.rest.next_if_eq(&'<').is_some() {
            return self.here_document();
        }
        while self.rest.next_if(|c| *c == '>' || *c == '&' || *c == ' ').is_some() {}
        self.skips_word = true;
    }

    fn here_document(&mut self) {
        let (mut end, mut line) = (String::new(), String::new());
        while let Some(c) = self.rest.next_if(|c| *c != '\n') {
            end.extend(Some(c).filter(|c| c.is_alphanumeric()));
        }
        self.rest.next();
        for c in self.rest.by_ref() {
            if c != '\n' {
                line.push(c);
            } else if line == end {
                break;
            } else {
                line.clear();
            }
        }
        self.end_command();
    }

    fn end_word(&mut self) {
        if let Some(word) = self.word.take()
            && !std::mem::take(&mut self.skips_word)
            && let Some(words) = self.commands.last_mut()
        {
            words.push(word);
        }
    }

    fn end_command(&mut self) {
        self.end_word();
        self.skips_word = false;
        self.commands.push(Vec::new());
    }
}

#[test]
fn words_quotes_comments_redirections_and_substitutions_are_told_apart() {
    let text = "umask 077 # owabi no\nowabi init ./site && cd ./site\nsudo -u owabi owabi log --csv > log.csv\n\
                X_Y=1 /usr/bin/owabi verify --head \"$(owabi ledger head)\" 2>&1 | less\n\
                cat > a <<'E'\nowabi no\nE\nowabi resolve 1 --reason 'a; b' \\\n  --as letter\n";
    let found: Vec<String> = owabi(text).iter().map(|words| words.join("_")).collect();
    assert_eq!(
        found,
        [
            "owabi_init_./site",
            "owabi_log_--csv",
            "owabi_verify_--head_$(owabi ledger head)",
            "owabi_resolve_1_--reason_a; b_--as_letter",
        ]
    );
    assert_eq!(commands("a $(owabi status) b").len(), 2);
}
