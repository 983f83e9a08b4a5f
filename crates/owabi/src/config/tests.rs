use super::*;
use owabi_core::address::Lang;
use owabi_core::yaml::document as yaml;
use serde_json::Value;

const SMALLEST: &str = r#"
database: { url: "sqlite:owabi.db" }
notices: { dir: notices, templates: templates }
smtp:
  relays:
    - { name: main, host: 127.0.0.1, port: 2525, tls: none, max_connections: 20, messages_per_connection: 1000, in_flight: 2 }
  bounce: { address: bounces@example.jp }
dispatch: { claim: 500, lease: 10m }
retry: { first: 5m, max: 4h, attempts: 12, deadline: 5d }
pacing: { presets: jp-carriers }
"#;

fn load(text: &str) -> Result<Config, ConfigError> {
    load_with(text, &[])
}

fn load_with(text: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
    Config::read(Path::new("/site/owabi.yaml"), text, &Environment::of(environment.iter().copied()))
}

fn problems(text: &str) -> Vec<String> {
    load(text).unwrap_err().problems.iter().map(|p| p.of(Lang::En).lines().next().unwrap().to_owned()).collect()
}

/// Every key path of a document that holds something other than keys.
fn leaves(value: &Value, path: &str, out: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            map.iter().for_each(|(key, held)| leaves(held, &format!("{path}.{key}"), out));
        }
        Value::Array(list) if !list.is_empty() => {
            list.iter().enumerate().for_each(|(n, held)| leaves(held, &format!("{path}[{n}]"), out));
        }
        _ => out.push((path.to_owned(), value.clone())),
    }
}

fn sorted_leaves(value: &Value) -> Vec<(String, Value)> {
    let mut out = Vec::new();
    leaves(value, "", &mut out);
    out.sort_by(|a, b| a.0.cmp(&b.0));
    out
}

#[test]
fn the_commented_configuration_shows_every_key_with_the_default_of_the_code() {
    let relay = Relay { name: "main".into(), host: "smtp.example.jp".into(), ..Relay::default() };
    let bounce = Bounce { address: "bounces@example.jp".into() };
    let smtp = Smtp { relays: vec![relay], bounce, ..Smtp::default() };
    let code = serde_json::to_value(Config { smtp, ..Config::default() }).unwrap();
    let file: Value = yaml::typed(yaml::parse("owabi.yaml", COMMENTED).unwrap()).unwrap();
    assert_eq!(sorted_leaves(&file), sorted_leaves(&code));
    load(COMMENTED).unwrap();
}

#[test]
fn the_smallest_configuration_of_the_contract_loads() {
    let config = load(SMALLEST).unwrap();
    let relay = &config.smtp.relays[0];
    assert_eq!((relay.port(), relay.tls, relay.max_connections, relay.in_flight), (2525, Tls::None, 20, 2));
    assert_eq!((config.dispatch.claim, config.dispatch.lease), (500, Span::minutes(10)));
    assert_eq!(config.smtp.helo(relay), "example.jp");
}

#[test]
fn relative_paths_begin_at_the_file_s_folder() {
    let config = load(SMALLEST).unwrap();
    assert_eq!(config.database.target(), Some(Target::Sqlite("/site/owabi.db".into())));
    assert_eq!(config.notices.dir, Path::new("/site/notices"));
    assert_eq!(config.keys.file, Path::new("/site/owabi.key"));
}

#[test]
fn every_problem_is_named_at_once_with_line_and_key_path() {
    let text = "smtp:\n  relays:\n    - { name: a, host: h, port: many }\n    - name: a\n      host: h\n      tlss: none\n  \
                bounce: { address: b@example.jp }\nretry: { first: 5w, attempts: 0 }\nlog: { level: loud }\n";
    let found = problems(text);
    let expected = [
        "/site/owabi.yaml:3:33: smtp.relays[0].port: ",
        "/site/owabi.yaml:6:13: smtp.relays[1].tlss: unknown field",
        "/site/owabi.yaml:8:17: retry.first: ",
        "/site/owabi.yaml:4:13: smtp.relays[1].name: another relay is called a too",
        "/site/owabi.yaml:8:31: retry.attempts: must be at least 1",
        "/site/owabi.yaml:9:15: log.level: ",
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found}\nis not\n{expected}");
    }
}

#[test]
fn unknown_and_repeated_keys_and_broken_yaml_are_refused_with_their_line() {
    assert!(problems(&format!("{SMALLEST}colour: red\n"))[0].contains(":11:9: colour: unknown field"));
    assert!(problems(&format!("{SMALLEST}retry: {{}}\n"))[0].contains("duplicate"));
    assert!(problems("a: [\n")[0].starts_with("/site/owabi.yaml:2:1: "), "{:?}", problems("a: [\n"));
}

#[test]
fn an_empty_configuration_says_what_is_missing() {
    let found = problems("");
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].contains("smtp.relays: no relay is configured") && found[1].contains("smtp.bounce.address"));
}

#[test]
fn impossible_values_are_refused() {
    for (key, value, said) in [
        ("OWABI_DATABASE__URL", "mysql://x", "database.url"),
        ("OWABI_DATABASE__URL", "postgres://u:secret@h/d", "holds a password"),
        ("OWABI_DATABASE__URL", "sqlite::memory:", "database.url"),
        ("OWABI_DATABASE__URL", "postgres://u@h/d?passwd=secret", "unknown parameter \"passwd\""),
        ("OWABI_DATABASE__URL", "postgres://u@h/d?password=secret", "holds a password"),
        ("OWABI_DATABASE__URL", "postgres://u@h/d?sslmode=prefer", "fall back"),
        ("OWABI_DATABASE__URL", "postgres://u@h:port/d", "database.url"),
        ("OWABI_DATABASE__TLS", "prefer", "unknown variant"),
        ("OWABI_DATABASE__TLS", "verify-ca", "needs database.ca_file"),
        ("OWABI_DATABASE__CLIENT_CERT", "c.pem", "go together"),
        ("OWABI_DATABASE__POOL", "3", "at least 4"),
        ("OWABI_DATABASE__READERS", "0", "at least 1"),
        ("OWABI_DATABASE__STATEMENT_TIMEOUT", "0s", "longer than 0s"),
        ("OWABI_DATABASE__CONNECT_TIMEOUT", "soon", "not a duration"),
        ("OWABI_DISPATCH__LEASE", "1m", "longer than smtp.deadlines.dot"),
        ("OWABI_RECEIPTS__POLL", "0s", "longer than 0s"),
        ("OWABI_SMTP__RELAYS__0__USER", "u", "go together"),
        ("OWABI_SMTP__RELAYS__0__RATE", "-1", "more than 0"),
        ("OWABI_SMTP__RELAYS__0__TLS", "maybe", "unknown variant"),
        ("OWABI_SMTP__RELAYS__0__HOST", "smtp://x", "not a host name"),
        ("OWABI_SMTP__BOUNCE__ADDRESS", "b+x@example.jp", "not an address"),
        ("OWABI_RETRY__FIRST", "5h", "retry.max"),
        ("OWABI_PACING__DOMAINS", "[{ domain: DOCOMO.ne.jp }]", "not a mail domain"),
    ] {
        let error = load_with(SMALLEST, &[(key, value)]).unwrap_err().to_string();
        assert!(error.contains(said) && error.contains(&format!("${key}")), "{key}={value}: {error}");
        assert!(!error.contains("secret"), "{error}");
    }
}

#[test]
fn how_the_database_is_protected_is_said_once_and_makes_sense() {
    let url = ("OWABI_DATABASE__URL", "postgres://u@h/d?sslmode=require");
    load_with(SMALLEST, &[url]).unwrap();
    for (more, said) in [
        (("OWABI_DATABASE__TLS", "verify-full"), "say it once"),
        (("OWABI_DATABASE", "{ url: 'postgres://u@h/d', tls: require, ca_file: ca.pem }"), "database.ca_file"),
        (("OWABI_DATABASE", "{ tls: none, client_cert: c.pem, client_key: c.key }"), "database.client_cert"),
    ] {
        let error = load_with(SMALLEST, &[url, more]).unwrap_err().to_string();
        assert!(error.contains(said), "{more:?}: {error}");
    }
}

#[test]
fn the_database_is_opened_as_configured_and_its_password_stays_hidden() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pw");
    std::fs::write(&file, "hush\n").unwrap();
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let database = format!(
        "{{ url: 'postgres://u@h/d', password_file: {}, tls: verify-full, ca_file: ca.pem, pool: 5, busy_timeout: 2s, connect_timeout: 3s }}",
        file.display()
    );
    let config = load_with(SMALLEST, &[("OWABI_DATABASE", &database)]).unwrap();
    let options = config.open_options().unwrap();
    assert_eq!(options.postgres.ca_file.as_deref(), Some(Path::new("/site/ca.pem")));
    assert_eq!((options.postgres.pool, options.busy_timeout.as_secs()), (5, 2));
    assert_eq!((options.postgres.connect_timeout.as_secs(), options.postgres.statement_timeout.as_secs()), (3, 30));
    let password = options.postgres.password.as_ref().unwrap();
    assert_eq!(secrecy::ExposeSecret::expose_secret(password), "hush");
    assert!(!format!("{options:?} {config:?}").contains("hush"));
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    assert!(config.open_options().unwrap_err().to_string().contains("others can read it"));
    let key = load_with(
        SMALLEST,
        &[("OWABI_DATABASE", &database.replace("ca_file: ca.pem", "client_cert: c, client_key: pw"))],
    );
    let error = key.unwrap().check_secrets().unwrap_err().to_string();
    assert!(error.contains("database.client_key: /site/pw"), "{error}");
}

#[test]
fn a_password_may_not_travel_in_the_clear_unless_that_is_said() {
    let login = [("OWABI_SMTP__RELAYS__0__USER", "u"), ("OWABI_SMTP__RELAYS__0__PASSWORD_CREDENTIAL", "relay")];
    assert!(load_with(SMALLEST, &login).unwrap_err().to_string().contains("smtp.relays[0].tls"));
    let allowed = [login[0], login[1], ("OWABI_SMTP__RELAYS__0__AUTH_WITHOUT_TLS", "true")];
    load_with(SMALLEST, &allowed).unwrap();
}

#[test]
fn the_environment_overrides_any_key() {
    let config = load_with(
        SMALLEST,
        &[
            ("OWABI_DATABASE__URL", "postgres://owabi@db/owabi"),
            ("OWABI_DISPATCH__CLAIM", "50"),
            ("OWABI_SMTP__RELAYS__0__HOST", "relay.example.jp"),
            ("OWABI_SMTP__RELAYS__1", "{ name: second, host: 192.0.2.1 }"),
            ("OWABI_TEST_SEND__ALLOW__0", "me@example.jp"),
            ("OWABI_LANGUAGE", "en"),
            ("OWABI_CONFIG", "elsewhere"),
            ("OWABI_REQUIRE", "postfix"),
            ("HOME", "/root"),
        ],
    )
    .unwrap();
    assert_eq!(config.database.target(), Some(Target::Postgres("postgres://owabi@db/owabi".into())));
    assert_eq!((config.dispatch.claim, config.language), (50, Language::En));
    let hosts: Vec<_> = config.smtp.relays.iter().map(|relay| relay.host.as_str()).collect();
    assert_eq!(hosts, ["relay.example.jp", "192.0.2.1"]);
    assert!(config.test_send.allows("ME@example.jp"));
}

#[test]
fn an_override_can_give_what_the_file_lacks() {
    let environment = [
        ("OWABI_SMTP__RELAYS__0__NAME", "main"),
        ("OWABI_SMTP__RELAYS__0__HOST", "localhost"),
        ("OWABI_SMTP__BOUNCE__ADDRESS", "b@example.jp"),
    ];
    assert_eq!(load_with("", &environment).unwrap().smtp.relays[0].host, "localhost");
}

#[test]
fn an_override_of_an_unknown_key_names_the_variable() {
    for (variable, path) in [
        ("OWABI_DISPATCH__CLAIMS", "dispatch.claims"),
        ("OWABI_COLOUR", "colour"),
        ("OWABI_SMTP__RELAYS__7__HOST", "smtp.relays[7].host"),
        ("OWABI_DISPATCH__CLAIM__X", "dispatch.claim.x"),
        ("OWABI_DISPATCH__POLL__X", "dispatch.poll"),
    ] {
        let error = load_with(SMALLEST, &[(variable, "1")]).unwrap_err().to_string();
        assert!(error.starts_with(&format!("${variable}: {path}: ")), "{error}");
    }
}

#[test]
fn without_a_configuration_the_error_names_every_place_and_the_way_out() {
    let named = Config::load(Some(Path::new("/nowhere/owabi.yaml")), &Environment::default()).unwrap_err().to_string();
    assert!(named.contains("/nowhere/owabi.yaml") && named.contains("owabi init DIR"), "{named}");
    let by_variable = Config::load(None, &Environment::of([("OWABI_CONFIG", "/nowhere/o.yaml")])).unwrap_err();
    assert!(by_variable.to_string().contains("$OWABI_CONFIG names it"));
}

mod secrets {
    use super::*;
    use secrecy::ExposeSecret;
    use std::fs;
    use std::io::ErrorKind;
    use std::os::unix::fs::PermissionsExt;

    fn file(folder: &Path, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = folder.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    fn with_password(source: &str, environment: &[(&str, &str)]) -> Config {
        let relay = format!("{{ name: a, host: h, user: u, {source} }}");
        let mut all = vec![("OWABI_SMTP__RELAYS__0", relay.as_str())];
        all.extend(environment);
        load_with(SMALLEST, &all).unwrap()
    }

    fn password(config: &Config) -> Result<String, SecretError> {
        Ok(config.relay_password(&config.smtp.relays[0])?.unwrap().expose_secret().to_owned())
    }

    #[test]
    fn a_password_file_is_read_without_its_line_end_and_never_printed() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(folder.path(), "pw", "hush \r\n", 0o600);
        let config = with_password(&format!("password_file: {}", path.display()), &[]);
        assert_eq!(password(&config).unwrap(), "hush ");
        let secret = config.relay_password(&config.smtp.relays[0]).unwrap();
        assert!(!format!("{secret:?} {config:?}").contains("hush"));
        config.check_secrets().unwrap();
    }

    #[test]
    fn a_secret_that_others_can_read_or_that_is_missing_is_refused_at_start() {
        let folder = tempfile::tempdir().unwrap();
        for mode in [0o640, 0o604, 0o666] {
            let path = file(folder.path(), "pw", "hush", mode);
            let config = with_password(&format!("password_file: {}", path.display()), &[]);
            let error = config.check_secrets().unwrap_err().to_string();
            assert!(error.contains("others can read it") && error.contains("chmod 600"), "{error}");
        }
        let error = with_password("password_file: gone", &[]).check_secrets().unwrap_err().to_string();
        assert!(error.contains("smtp.relays[0]: /site/gone: "), "{error}");
    }

    #[test]
    fn a_systemd_credential_is_read_whatever_its_mode() {
        let folder = tempfile::tempdir().unwrap();
        file(folder.path(), "relay", "hush\n", 0o444);
        let environment = [("CREDENTIALS_DIRECTORY", folder.path().to_str().unwrap())];
        assert_eq!(password(&with_password("password_credential: relay", &environment)).unwrap(), "hush");
        let by_path = format!("password_file: {}/relay", folder.path().display());
        assert_eq!(password(&with_password(&by_path, &environment)).unwrap(), "hush");
    }

    #[test]
    fn a_credential_that_was_not_passed_is_unseen_also_where_systemd_names_its_folder_and_keeps_it_shut() {
        let shut = tempfile::tempdir().unwrap().path().join("owabi.service");
        for environment in [vec![], vec![("CREDENTIALS_DIRECTORY", shut.to_str().unwrap())]] {
            let config = with_password("password_credential: relay", &environment);
            let error = password(&config).unwrap_err().to_string();
            assert!(error.contains("$CREDENTIALS_DIRECTORY is not set, or cannot be looked into"), "{error}");
            let unseen = [("smtp.relays[0].password_credential".to_owned(), "relay".to_owned())];
            assert_eq!(config.without_unseen().1, unseen);
        }
    }

    #[test]
    fn a_file_in_a_folder_of_credentials_that_is_kept_shut_is_unseen_and_any_other_that_is_missing_a_mistake() {
        let folder = tempfile::tempdir().unwrap();
        let shut = folder.path().join("owabi.service");
        let environment = [("CREDENTIALS_DIRECTORY", shut.to_str().unwrap())];
        let config = with_password(&format!("password_file: {}/relay", shut.display()), &environment);
        assert!(config.check_secrets().is_err());
        let (seen, unseen) = config.without_unseen();
        assert_eq!(unseen, [("smtp.relays[0].password_file".to_owned(), "relay".to_owned())]);
        seen.check_secrets().unwrap();
        let config = with_password(&format!("password_file: {}/gone", folder.path().display()), &environment);
        let (seen, unseen) = config.without_unseen();
        assert!(unseen.is_empty() && seen.check_secrets().is_err());
    }

    #[test]
    fn a_key_is_made_once_with_mode_0600_and_then_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("owabi.key");
        assert!(load_or_create_key(&path, false).is_err());
        let first = load_or_create_key(&path, true).unwrap();
        let second = load_or_create_key(&path, true).unwrap();
        assert_eq!(first.expose_secret(), second.expose_secret());
        assert_ne!(first.expose_secret(), &[0; 32]);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_key_that_cannot_be_made_is_not_called_one_that_cannot_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let said = |path: &Path| load_or_create_key(path, true).unwrap_err().what();
        let none = said(&folder.path().join("none/owabi.key"));
        assert!(none.ja.contains("owabi.key: 作れません(ファイルまたはフォルダーがありません)。"), "{none:?}");
        assert!(none.en.contains("owabi.key: cannot be made: "), "{none:?}");
        let refused = SecretError::NotMade { path: "owabi.key".into(), source: ErrorKind::PermissionDenied.into() };
        assert_eq!(refused.what().ja, "owabi.key: 作れません(権限がありません)。");
    }

    #[test]
    fn a_damaged_or_exposed_key_is_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        for (text, mode) in [("", 0o600), ("abc", 0o600), (&"+f".repeat(32), 0o600), (&"ab".repeat(32), 0o644)] {
            let path = file(folder.path(), "owabi.key", text, mode);
            assert!(load_or_create_key(&path, true).is_err(), "{text} {mode:o}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }
}
