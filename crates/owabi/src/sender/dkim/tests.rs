//! The examples of the RFCs, and what becomes of them when a line is touched.

use super::*;
use crate::sender::key;

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
}
