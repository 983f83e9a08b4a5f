//! SMTP AUTH (RFC 4954): which mechanism, what to say, and what the answer means.

use crate::capabilities::Capabilities;
use crate::dialogue::Dialogue;
use crate::relay::{Login, Relay};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use owabi_core::outcome::{Fault, FaultKind, Phase};
use owabi_core::reply::Reply;
use owabi_core::text::{Text, say};
use secrecy::ExposeSecret as _;

/// The mechanism to use: PLAIN where offered, else LOGIN; `None` when the relay offers neither.
pub fn choose(offers: &Capabilities) -> Option<Mechanism> {
    let offered = |name: &str| offers.auth.iter().any(|mechanism| mechanism == name);
    match (offered("PLAIN"), offered("LOGIN")) {
        (true, _) => Some(Mechanism::Plain),
        (false, true) => Some(Mechanism::Login),
        (false, false) => None,
    }
}

/// Logs in. One try: a wrong password must not lock the account.
///
/// # Errors
/// [`FaultKind::Auth`] when the relay refuses or the password may not travel, [`FaultKind::Busy`] on 4xx.
pub(crate) async fn log_in(
    talk: &mut Dialogue,
    relay: &Relay,
    login: &Login,
    offers: &Capabilities,
) -> Result<(), Fault> {
    if !(talk.is_tls() || relay.is_loopback() || relay.auth_without_tls) {
        return Err(fault(
            say!(ja: "TLS なしではパスワードを送りません", en: "the password may not travel without TLS"),
            None,
        ));
    }
    let Some(mechanism) = choose(offers) else {
        return Err(fault(no_mechanism(), None));
    };
    let credentials = Credentials::new(login.user.clone(), login.password.expose_secret().to_owned());
    let reply = match mechanism {
        Mechanism::Login => say_login(talk, login).await?,
        _ => say_plain(talk, mechanism, &credentials).await?,
    };
    judge(reply)
}

/// Sends the response with the command (SASL-IR), and again to a relay that asks for it nevertheless.
async fn say_plain(talk: &mut Dialogue, mechanism: Mechanism, credentials: &Credentials) -> Result<Reply, Fault> {
    let response = mechanism
        .response(credentials, None)
        .map_err(|_| fault(say!(ja: "AUTH の応答を作れません", en: "no AUTH response could be made"), None))?;
    let response = STANDARD.encode(response);
    let reply = talk.ask(format!("AUTH {mechanism} {response}\r\n").as_bytes(), Phase::Auth).await?;
    if reply.code == 334 { talk.ask(format!("{response}\r\n").as_bytes(), Phase::Auth).await } else { Ok(reply) }
}

/// The user's name to the first challenge, the password to the second, however a relay words them.
async fn say_login(talk: &mut Dialogue, login: &Login) -> Result<Reply, Fault> {
    let mut reply = talk.ask(b"AUTH LOGIN\r\n", Phase::Auth).await?;
    for answer in [login.user.as_str(), login.password.expose_secret()] {
        if reply.code != 334 {
            return Ok(reply);
        }
        reply = talk.ask(format!("{}\r\n", STANDARD.encode(answer)).as_bytes(), Phase::Auth).await?;
    }
    Ok(reply)
}

fn judge(reply: Reply) -> Result<(), Fault> {
    match reply.class() {
        2 => Ok(()),
        4 => {
            let detail = say!(
                ja: "中継サーバーが今はパスワードを確かめられません",
                en: "the relay cannot check the password now"
            );
            Err(Fault { phase: Phase::Auth, kind: FaultKind::Busy, reply: Some(reply), detail })
        }
        _ => Err(fault(say!(ja: "中継サーバーがログインを断りました", en: "the relay refused the login"), Some(reply))),
    }
}

fn no_mechanism() -> Text {
    say!(
        ja: "中継サーバーは AUTH PLAIN も AUTH LOGIN も提示しません",
        en: "the relay offers neither AUTH PLAIN nor AUTH LOGIN"
    )
}

fn fault(detail: Text, reply: Option<Reply>) -> Fault {
    Fault { phase: Phase::Auth, kind: FaultKind::Auth, reply, detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_safest_common_mechanism_is_chosen() {
        for (offered, chosen) in [
            (vec!["LOGIN", "PLAIN"], Some(Mechanism::Plain)),
            (vec!["CRAM-MD5", "LOGIN"], Some(Mechanism::Login)),
            (vec!["GSSAPI"], None),
            (vec![], None),
        ] {
            let auth = offered.iter().map(ToString::to_string).collect();
            assert_eq!(choose(&Capabilities { auth, ..Capabilities::default() }), chosen, "{offered:?}");
        }
    }

    #[test]
    fn a_refused_login_and_a_busy_relay_are_told_apart() {
        let kind = |code| judge(Reply::new(code, "x")).map_err(|fault| fault.kind);
        assert_eq!(kind(235), Ok(()));
        assert_eq!(kind(454), Err(FaultKind::Busy));
        assert_eq!(kind(421), Err(FaultKind::Busy));
        for code in [535, 530, 534, 538, 504, 334] {
            assert_eq!(kind(code), Err(FaultKind::Auth), "{code}");
        }
    }
}
