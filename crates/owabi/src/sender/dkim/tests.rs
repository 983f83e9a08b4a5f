//! The examples of the RFCs, and what becomes of them when a line is touched.

use super::*;
use crate::sender::key;
use ring::signature::Ed25519KeyPair;

/// RFC 8463 appendix A.
const ED25519: &str = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
const RSA: &str = "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB";
const MAIL: &str = "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=brisbane; t=1528637909; h=from : to :
 subject : date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus
 Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=test; t=1528637909; h=from : to : subject :
 date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3
 DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz
 dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=
From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>

Hi.

We lost the game.  Are you hungry yet?

Joe.
";
/// A bare key, and the simple form of both.
const SIMPLE_KEY: &str = "v=DKIM1; p=MIGJAoGBALVI635dLK4cJJAH3Lx6upo3X/Lm1tQz3mezcWTA3BUBnyIsdnRf57aD5BtNmhPrYYDlWlzw3UgnKisIxktkk5+iMQMlFtAS10JB8L3YadXNJY+JBcbeSi5TgJe4WFzNgW95FWDAuSTRXSWZfA/8xjflbTLDx0euFZOM7C4T0GwLAgMBAAE=";

fn crlf(text: &str) -> Vec<u8> {
    text.replace('\n', "\r\n").into_bytes()
}

/// What becomes of the signature that stands at this place from the top.
fn verdict(mail: &str, at: usize, record: &str) -> Verified {
    let mail = crlf(mail);
    let parts = Parts::of(&mail);
    let signature = parts.signatures().remove(at).unwrap();
    verify(&parts, &signature, &key::parse(record).unwrap())
}

#[test]
fn the_signatures_of_the_rfcs_example_are_valid() {
    assert_eq!(verdict(MAIL, 0, ED25519), Verified::Valid);
    assert_eq!(verdict(MAIL, 1, RSA), Verified::Valid);
    assert_eq!(verdict(MAIL, 0, RSA), Verified::OtherKind);
}

#[test]
fn relaxed_forgives_white_space_and_nothing_else() {
    let folded = MAIL.replace("Subject: Is dinner", "subject:   Is\n\tdinner").replace("game.  Are", "game. \t Are");
    assert_eq!(verdict(&format!("{folded}\n\n"), 1, RSA), Verified::Valid);
    assert_eq!(verdict(&MAIL.replace("hungry", "angry"), 1, RSA), Verified::BodyChanged);
    assert_eq!(verdict(&MAIL.replace("Subject: Is", "Subject: [list] Is"), 1, RSA), Verified::HeaderBroken);
    assert_eq!(verdict(&MAIL.replace("From: Joe", "From: Jim"), 0, ED25519), Verified::HeaderBroken);
    assert_eq!(verdict(MAIL, 1, SIMPLE_KEY), Verified::HeaderBroken, "another key");
    // A second From above the signed one is signed as absent (h= names it twice).
    assert_eq!(verdict(&format!("From: Eve <eve@example.com>\n{MAIL}"), 1, RSA), Verified::HeaderBroken);
}

#[test]
fn what_stands_in_the_dns_is_a_key_or_the_reason_why_not() {
    assert_eq!(key::parse(RSA).unwrap().key.to_string(), "rsa 1024");
    assert_eq!(key::parse(SIMPLE_KEY).unwrap().key.to_string(), "rsa 1024");
    assert_eq!(key::parse(ED25519).unwrap().key.to_string(), "ed25519");
    assert_eq!(key::parse("v=DKIM1; p="), Err(key::Trouble::Revoked));
    assert!(key::parse("v=DKIM1; k=rsa; p=aGVsbG8=").is_err());
    assert!(key::parse("v=DKIM2; p=aGVsbG8=").is_err());
    assert!(key::parse(&format!("{RSA}; t=y:s")).unwrap().is_test);
}

#[test]
fn what_cannot_be_verified_is_named() {
    let bad = |value: &str| Signature::parse(value.as_bytes()).unwrap_err();
    assert_eq!(bad("v=1; a=rsa-sha1; d=a; s=b; h=from; bh=x; b=x"), Bad::Algorithm("rsa-sha1".into()));
    assert_eq!(bad("v=1; a=rsa-sha256; d=a; s=b; h=to; bh=eA==; b=eA=="), Bad::FromUnsigned);
    assert_eq!(bad("v=1; a=rsa-sha256; s=b; h=from; bh=eA==; b=eA=="), Bad::Tag("d"));
    let with = |more: &str| bad(&format!("v=1; a=rsa-sha256; d=a.jp; s=b; h=from; bh=eA==; b=eA==; {more}"));
    assert_eq!(with("a=ed25519-sha256"), Bad::Twice("a".into()));
    assert_eq!(with("i=@b.jp"), Bad::Identity("@b.jp".into()));
    assert_eq!(with("i=x@bada.jp"), Bad::Identity("x@bada.jp".into()));
    assert_eq!(with("i=a.jp"), Bad::Tag("i"));
    for more in ["x=soon", "x=", "x=-1", "x=+9", "x=1234567890123", "t=5; x=5"] {
        assert_eq!(with(more), Bad::Tag("x"), "{more}");
    }
    assert_eq!(with("l=1k"), Bad::Tag("l"));
    assert_eq!(with("t=x"), Bad::Tag("t"));
    assert_eq!(bad("a=rsa-sha256; d=a; s=b; h=from; bh=eA==; b=eA=="), Bad::Tag("v"));
    assert_eq!(bad("v=2; a=rsa-sha256; d=a; s=b; h=from; bh=eA==; b=eA=="), Bad::Version);
    let many = format!("v=1; a=rsa-sha256; d=a; s=b; h=from{}; bh=eA==; b=eA==", ":x".repeat(200));
    assert_eq!(bad(&many), Bad::TooManyFields);
    let good =
        "v=1; a=rsa-sha256; d=a.jp; s=b; h=from; bh=eA==; b=eA==; i=x@News.a.jp; t=1; x=2; l=99999999999999999999";
    let good = Signature::parse(good.as_bytes()).unwrap();
    assert_eq!((good.identity.as_str(), good.expires), ("news.a.jp", Some(2)));
}

/// RFC 8463 appendix A.2: the private key of [`ED25519`].
const SEED: &str = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
const FIELDS: &str = "From: Owabi <owabi@example.jp>\r\nSubject:  Two  blanks\r\n\tand a fold\r\n";

/// A mail that is signed here in the default form (`simple/simple`: octets as they are), over `hashed` of its body.
fn signed(more: &str, hashed: &str, body: &str) -> String {
    let hash = STANDARD.encode(Sha256::digest(hashed));
    let unsigned = format!(
        "DKIM-Signature: v=1; a=ed25519-sha256; d=example.jp; s=s1;{more}\r\n h=from:subject; bh={hash};\r\n b="
    );
    let pair = Ed25519KeyPair::from_seed_unchecked(&STANDARD.decode(SEED).unwrap()).unwrap();
    let signature = STANDARD.encode(pair.sign(&Sha256::digest(format!("{FIELDS}{unsigned}"))));
    format!("{unsigned}{signature}\r\n{FIELDS}\r\n{body}")
}

fn verdict_on(mail: &str, record: &str) -> Verified {
    let parts = Parts::of(mail.as_bytes());
    verify(&parts, &parts.signatures().remove(0).unwrap(), &key::parse(record).unwrap())
}

#[test]
fn simple_which_is_the_default_forgives_empty_lines_at_the_end_and_nothing_else() {
    let mail = signed("", "Two  blanks \r\n", "Two  blanks \r\n");
    assert_eq!(verdict_on(&mail, ED25519), Verified::Valid);
    assert_eq!(verdict_on(&signed(" c=simple;", "x\r\n", "x\r\n"), ED25519), Verified::Valid);
    assert_eq!(
        verdict_on(&signed(" c=simple/simple;", "\r\n", ""), ED25519),
        Verified::Valid,
        "an empty body is a line end"
    );
    assert_eq!(verdict_on(&format!("{mail}\r\n\r\n"), ED25519), Verified::Valid);
    assert_eq!(verdict_on(&mail.replace("blanks \r\n", "blanks\r\n"), ED25519), Verified::BodyChanged);
    assert_eq!(verdict_on(&mail.replace("Subject:  Two", "Subject: Two"), ED25519), Verified::HeaderBroken);
    assert_eq!(verdict_on(&mail.replace("Subject:", "subject:"), ED25519), Verified::HeaderBroken);
    assert_eq!(verdict_on(&mail.replace("\r\n\tand", "\r\n and"), ED25519), Verified::HeaderBroken);
}

#[test]
fn a_length_that_leaves_some_of_the_body_unsigned_is_told_and_one_beyond_it_is_not_valid() {
    assert_eq!(verdict_on(&signed(" l=3;", "x\r\n", "x\r\n"), ED25519), Verified::Valid);
    assert_eq!(verdict_on(&signed(" l=3;", "x\r\n", "x\r\nan advertisement\r\n"), ED25519), Verified::ValidInPart(18));
    assert_eq!(verdict_on(&signed(" l=4;", "x\r\n", "x\r\n"), ED25519), Verified::BodyTooShort);
    assert_eq!(verdict_on(&signed(" l=99999999999999999999999;", "x\r\n", "x\r\n"), ED25519), Verified::BodyTooShort);
}

#[test]
fn a_key_for_the_domain_itself_signs_for_none_below_it() {
    let exact = format!("{ED25519}; t=s");
    let below = signed(" i=x@news.example.jp;", "x\r\n", "x\r\n");
    assert_eq!(verdict_on(&below, ED25519), Verified::Valid);
    assert_eq!(verdict_on(&below, &exact), Verified::NotBelow);
    assert_eq!(verdict_on(&signed(" i=x@example.jp;", "x\r\n", "x\r\n"), &exact), Verified::Valid);
    assert_eq!(verdict_on(&signed("", "x\r\n", "x\r\n"), &exact), Verified::Valid);
}

#[test]
fn a_key_that_is_too_short_or_for_something_else_is_said_to_be_so() {
    for short in [
        "v=DKIM1; p=MGgCYQC5YktAoK+O9HKEWwl6obVIO1OnDH5vX4ZpW9ssIZQubG22rQGhduu8zaN6zk9flm+CR450SPhBIrntBZa4ZnDLPTc4Ha3gKLq017gwPek/7FhLbA22H6REMZPaFNBo0OMCAwEAAQ==",
        "v=DKIM1; p=MHwwDQYJKoZIhvcNAQEBBQADawAwaAJhALfaAbCGKMl+dzkIhtlXrr1g9D9mZ9uXmCmY7WlT46bey1mv5HEN/Z1HW8AaMGTIlxjeN0yIDNHb5p4InDNxl/vt11fZ8Ma2QVCYLrYWqUIY3bmv7vaU4MW4v7jamTbGNwIDAQAB",
    ] {
        assert_eq!(key::parse(short), Err(key::Trouble::Short(768)));
    }
    assert_eq!(key::parse(&format!("{RSA}; s=tlsrpt")), Err(key::Trouble::Bad("s= does not allow email")));
    assert!(key::parse(&format!("{RSA}; s=tlsrpt:email")).is_ok() && key::parse(&format!("{RSA}; s=*")).is_ok());
    assert!(!key::parse(RSA).unwrap().is_exact);
}

#[test]
fn no_more_than_ten_signatures_of_a_mail_are_looked_at() {
    let mail = format!("{}\r\n", "DKIM-Signature: x\r\n".repeat(1_000));
    assert_eq!(Parts::of(mail.as_bytes()).signatures().len(), MOST_SIGNATURES);
}

#[test]
fn a_mail_is_taken_apart_into_fields_with_their_folded_lines_and_a_body() {
    let mail = crlf("A: one\nAuthentication-Results: mx.test;\n dkim=pass\nB : two\n\nbody\n\nmore\n");
    let parts = Parts::of(&mail);
    assert_eq!(parts.values("authentication-results").collect::<Vec<_>>(), [b" mx.test;\r\n dkim=pass".as_slice()]);
    assert_eq!((parts.fields.len(), parts.values("b").count()), (3, 1));
    assert_eq!(parts.body, b"body\r\n\r\nmore\r\n");
    assert_eq!(Parts::of(b"A: no end").values("a").next(), Some(b" no end".as_slice()));
    assert!(Parts::of(b"").fields.is_empty());
}
