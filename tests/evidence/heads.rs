//! What was noted outside, given to `evidence verify`.

use super::{association, export, relay, verify};
use crate::support::program::Program;
use serde_json::Value;

#[tokio::test(flavor = "multi_thread")]
async fn a_head_in_a_file_or_as_text_older_or_of_the_same_moment_fits_and_a_newer_one_cannot_be_compared() {
    let relay = relay().await;
    let program = association(Program::new(relay.addr().port(), ""), &relay).await;
    let older = program.json(&["ledger", "head"])["text"].as_str().unwrap().to_owned();
    let (bundle, said) = export(&program, "bundle.zip", &[]);
    let same = said["head"].as_str().unwrap();
    let (_, said) = export(&program, "later.zip", &[]);
    let newer = said["head"].as_str().unwrap();
    assert!(older != same && same != newer);

    // As it comes by mail: in the middle of a text.
    let mail = format!("> note this line outside:\n> {older}\n> -- \n");
    let file = program.write("mail.txt", &mail);
    for head in [&older, same, &mail, file.to_str().unwrap()] {
        let (good, verdict) = verify(&program, &bundle, &["--head", head]);
        assert!(good && verdict["compared_outside"] == true, "{head}: {verdict}");
    }
    let file = program.write("newer.txt", newer);
    for head in [newer, file.to_str().unwrap()] {
        let (good, verdict) = verify(&program, &bundle, &["--head", head]);
        assert!(!good && verdict["first_bad"]["fault"] == "head_is_newer", "{head}: {verdict}");
        assert_eq!(verdict["ok"], false);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_cannot_be_read_is_bad_input_and_nothing_is_said_of_the_bundle() {
    let relay = relay().await;
    let program = association(Program::new(relay.addr().port(), ""), &relay).await;
    let (bundle, said) = export(&program, "bundle.zip", &[]);
    let head = said["head"].as_str().unwrap();
    let file = program.write("empty.txt", "no head here\n");
    let cut = &head[..head.find(" hash=").unwrap()];
    for wrong in ["nonsense", cut, &head.replace("number=", "number=x"), file.to_str().unwrap()] {
        let output = program.output(&["--json", "evidence", "verify", bundle.to_str().unwrap(), "--head", wrong]);
        assert_eq!(output.status.code(), Some(65), "{wrong}: {output:?}");
        let said: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(said["error"].is_object() && said["ok"].is_null(), "no verdict: {said}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("owabi-head"), "{output:?}");
    }
}
