//! What a panic or a log could print of the things that carry secrets: everything but the secret.

use std::fmt::Debug;
use std::path::Path;

use holdpoint::driver::FromOperator;
use holdpoint::engine::brief::Person;
use holdpoint::model::dialogue::Answer;
use holdpoint::model::ids::NodeId;
use holdpoint::model::wheel::{Does, Keys, WheelAct};
use holdpoint::transport::job::AnswerLine;
use holdpoint::transport::ssh::{Credentials, LiveQuestion, PasswordOf, Purpose, Vault, Wanted};
use holdpoint::ui::Intent;
use secrecy::SecretString;

use crate::support::job::spec;

const CANARY: &str = "swordfish";

fn secret() -> SecretString {
    SecretString::from(CANARY)
}

#[test]
fn nothing_that_carries_a_secret_prints_it() {
    let mut job = spec("r.s.1", "true");
    job.secrets = vec![secret()];
    let mut credentials = Credentials::default();
    credentials.add_passphrase(Path::new("/home/ana/.ssh/id"), secret());
    let vault = Vault::default();
    let node = NodeId::new("st1");
    let of = PasswordOf {
        purpose: Purpose::Login,
        user: "ana".into(),
        source: String::new(),
    };
    vault.give(
        &Wanted {
            of,
            only: None,
            refused_by: None,
        },
        secret(),
    );
    let (answer, _asked) = tokio::sync::oneshot::channel::<SecretString>();
    let keys = Keys::new(CANARY.into(), 9);
    let act = WheelAct {
        number: 1,
        does: Does::Type(keys.clone()),
    };
    let all: Vec<Box<dyn Debug>> = vec![
        Box::new(job),
        Box::new(credentials),
        Box::new(vault),
        Box::new(keys),
        Box::new(act),
        Box::new(AnswerLine::new(secret())),
        Box::new(Answer::Hidden(CANARY.into())),
        Box::new(LiveQuestion {
            text: "Code:".into(),
            answer,
        }),
        Box::new(FromOperator::Secret {
            node: node.clone(),
            by: Person {
                user: "ana".into(),
                host: "jump-1".into(),
            },
            secret: secret(),
        }),
        Box::new(Intent::Secret {
            node,
            text: secret(),
        }),
    ];
    for thing in all {
        for text in [format!("{thing:?}"), format!("{thing:#?}")] {
            assert!(!text.contains(CANARY), "{text}");
            let bytes = format!("{:?}", CANARY.as_bytes());
            assert!(!text.contains(bytes.trim_matches(['[', ']'])), "{text}");
        }
    }
}
