//! The container's recipe: what can be held against the rest without building it.

use super::units;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;

fn root() -> PathBuf {
    units().join("../..")
}

/// The instructions, continued lines joined, comments left out.
fn instructions() -> Vec<(String, String)> {
    let text = std::fs::read_to_string(root().join("deploy/Containerfile")).unwrap().replace("\\\n", "");
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines.map(|line| line.split_once(' ').unwrap()).map(|(word, rest)| (word.to_owned(), rest.to_owned())).collect()
}

fn all(word: &str) -> Vec<String> {
    instructions().into_iter().filter(|(found, _)| found == word).map(|(_, rest)| rest).collect()
}

#[test]
fn the_container_s_recipe_copies_what_is_there_and_builds_as_the_package_does() {
    for copied in all("COPY").iter().filter(|rest| !rest.starts_with("--from")) {
        let words: Vec<&str> = copied.split_whitespace().collect();
        for source in &words[..words.len() - 1] {
            assert!(root().join(source).exists(), "{source}");
        }
    }
    let (package, manifest) = (
        std::fs::read_to_string(root().join("x")).unwrap(),
        std::fs::read_to_string(root().join("Cargo.toml")).unwrap(),
    );
    assert!(all("RUN").contains(&"cargo build --release --locked -p owabi".to_owned()));
    assert!(package.contains("cargo build --release --locked -p owabi"));
    let rust = manifest.lines().find_map(|line| line.strip_prefix("rust-version = ")).unwrap().trim_matches('"');
    assert_eq!(all("FROM")[0], format!("docker.io/library/rust:{rust}-bookworm AS build"));
}

#[test]
fn the_container_runs_as_nobody_special_and_holds_no_secret() {
    assert_eq!(all("USER"), ["10001:10001"]);
    let words = instructions();
    let telling = |text: &str| ["PASSWORD", "SECRET", ".key"].iter().any(|word| text.contains(word));
    assert!(!words.iter().any(|(word, rest)| matches!(word.as_str(), "ENV" | "ARG" | "COPY") && telling(rest)));
    let volumes: Vec<String> = serde_json::from_str(&all("VOLUME")[0]).unwrap();
    assert_eq!(volumes, ["/etc/owabi", "/var/lib/owabi"]);
}

/// Runs the health check of the recipe against a server that gives this answer.
fn health(answer: &'static str) -> bool {
    let check = &all("HEALTHCHECK")[0];
    let words: Vec<String> = serde_json::from_str(check.split_once("CMD ").unwrap().1).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let server = std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let mut asked = Vec::new();
        while !asked.ends_with(b"\r\n\r\n") {
            let mut octet = [0];
            client.read_exact(&mut octet).unwrap();
            asked.extend(octet);
        }
        client.write_all(answer.as_bytes()).unwrap();
        String::from_utf8(asked).unwrap()
    });
    let script = words.last().unwrap().replace("8025", &port);
    let healthy = Command::new(&words[0]).args(&words[1..words.len() - 1]).arg(script).status().unwrap().success();
    assert_eq!(server.join().unwrap(), "GET /livez HTTP/1.0\r\n\r\n");
    healthy
}

#[test]
fn the_container_s_health_check_asks_whether_the_daemon_lives_and_tells_200_from_503() {
    assert!(health("HTTP/1.0 200 OK\r\n\r\nok"));
    assert!(!health("HTTP/1.0 503 Service Unavailable\r\n\r\n[-]loops failed"));
}
