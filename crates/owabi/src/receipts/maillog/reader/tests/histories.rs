//! Whatever is done to a log, and whenever its reader is stopped: no line is missed.

use super::*;
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeSet;

#[derive(Clone, Copy, Debug)]
enum Step {
    /// So many lines are written.
    Write(usize),
    /// A line is begun; the next step ends it.
    Begin,
    /// Renamed; the new file is made at once, or when the next line is written.
    Rename { made: bool },
    /// A line goes into the renamed file, since its writer has not gone over.
    WriteBehind,
    /// Copied and truncated.
    Truncate,
    /// Read to the end.
    Pass,
    /// The reader is stopped; a new one begins at the place that was remembered last, or at the one before.
    Restart { earlier: bool },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..120_usize).prop_map(Step::Write),
        1 => Just(Step::Begin),
        2 => any::<bool>().prop_map(|made| Step::Rename { made }),
        2 => Just(Step::WriteBehind),
        1 => Just(Step::Truncate),
        4 => Just(Step::Pass),
        2 => any::<bool>().prop_map(|earlier| Step::Restart { earlier }),
    ]
}

struct History {
    logs: Logs,
    reader: Reader,
    written: usize,
    /// What is missing of the line that was begun.
    begun: Option<String>,
    rotations: usize,
    /// The last rotation was a renaming.
    renamed: bool,
    read: BTreeSet<usize>,
    /// The newest at the end.
    places: Vec<String>,
}

impl History {
    fn new() -> Self {
        let logs = Logs::new();
        let reader = logs.reader();
        let (read, places) = (BTreeSet::new(), Vec::new());
        Self { logs, reader, written: 0, begun: None, rotations: 0, renamed: false, read, places }
    }

    fn line(&mut self) -> String {
        self.written += 1;
        taken(self.written - 1)
    }

    fn end_line(&mut self) {
        if let Some(rest) = self.begun.take() {
            self.logs.append("mail.log", &rest);
        }
    }

    /// `mail.log.1` becomes free; false when there were enough rotations.
    fn shift(&mut self) -> bool {
        if self.rotations == 8 || !self.logs.log().exists() {
            return false;
        }
        for n in (1..=self.rotations).rev() {
            self.logs.rename(&format!("mail.log.{n}"), &format!("mail.log.{}", n + 1));
        }
        self.rotations += 1;
        true
    }

    fn new_log_is_empty(&self) -> bool {
        fs::metadata(self.logs.log()).map_or(true, |log| log.len() == 0)
    }

    fn take(&mut self, step: Step) {
        self.end_line();
        match step {
            Step::Write(lines) => {
                let text: String = (0..lines).map(|_| self.line()).collect();
                self.logs.append("mail.log", &text);
            }
            Step::Begin => {
                let line = self.line();
                self.logs.append("mail.log", &line[..50]);
                self.begun = Some(line[50..].to_owned());
            }
            Step::Rename { made } => self.rename(made),
            Step::WriteBehind => {
                if self.renamed && self.new_log_is_empty() {
                    let line = self.line();
                    self.logs.append("mail.log.1", &line);
                }
            }
            Step::Truncate => {
                if self.shift() {
                    self.logs.copy_and_truncate("mail.log.1");
                    self.renamed = false;
                }
            }
            Step::Pass => self.pass(),
            Step::Restart { earlier } => {
                let from = self.places.len().saturating_sub(1 + usize::from(earlier));
                self.reader = self.logs.resumed(&self.places[from]);
            }
        }
    }

    fn rename(&mut self, made: bool) {
        if self.shift() {
            self.logs.rename("mail.log", "mail.log.1");
            self.renamed = true;
            if made {
                self.logs.append("mail.log", "");
            }
        }
    }

    fn pass(&mut self) {
        let (numbers, _, place) = pass(&mut self.reader);
        self.read.extend(numbers);
        if !place.is_empty() {
            self.places.push(place);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_line_is_missed_whatever_is_done_to_the_log(steps in vec(step(), 0..40)) {
        let mut history = History::new();
        history.logs.append("mail.log", "");
        history.pass();
        for step in steps {
            history.take(step);
        }
        history.end_line();
        let last = history.line();
        history.logs.append("mail.log", &last);
        history.pass();
        let missed: Vec<usize> = (0..history.written).filter(|n| !history.read.contains(n)).collect();
        prop_assert!(missed.is_empty(), "{missed:?} of {}", history.written);
    }
}
